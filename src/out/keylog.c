/* The key log of NSS (SSLKEYLOGFILE), which Wireshark reads: for each secret its
 * label, the client's random and the secret itself. What lacks one of them has no
 * line in it. */
#include "out/out.h"

static void add_hex(struct buf *out, struct text bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *to = buf_reserve(out, bytes.len * 2);

	if (!to)
		return;
	for (size_t i = 0; i < bytes.len; i++) {
		*to++ = digits[(unsigned char)bytes.data[i] >> 4];
		*to++ = digits[bytes.data[i] & 15];
	}
	out->len += bytes.len * 2;
}

/* It comes from a recording or a traced program's memory. */
static bool is_label(const char *label)
{
	return label && *label &&
	       !label[strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
}

void keylog_fact(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	const struct fact_secret *secret = &fact->secret;

	(void)options;
	if (fact->type != FACT_SECRET || !is_label(secret->label) || !secret->random.len ||
	    !secret->secret.len)
		return;
	buf_string(out, secret->label);
	buf_char(out, ' ');
	add_hex(out, secret->random);
	buf_char(out, ' ');
	add_hex(out, secret->secret);
	buf_char(out, '\n');
}
