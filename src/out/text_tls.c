/* TLS for people: a line for each handshake, alert, and connection whose plaintext
 * cannot be had; plaintext as `io` shows data. */
#include "base/escape.h"
#include "out/text_parts.h"

#define NAMES_SHOWN 3          /* of a certificate, in the handshake's line */

/* Parts of a line are two spaces apart. */
static void next_part(struct buf *out, size_t start)
{
	if (out->len > start)
		buf_literal(out, "  ");
}

static void add_part(struct buf *out, size_t start, struct text part)
{
	if (!part.len)
		return;
	next_part(out, start);
	escape_text(out, part);
}

/* All that begin with TLS are called so: the prefix says nothing. */
static void add_cipher(struct buf *out, size_t start, const char *cipher)
{
	if (cipher)
		add_part(out, start, text_of(strncmp(cipher, "TLS_", 4) ? cipher : cipher + 4));
}

static void add_date(struct buf *out, const char *before, int64_t second)
{
	char date[16], *end = out_date(date, out_day(second));

	buf_string(out, before);
	buf_add(out, date, (size_t)(end - date));
}

/* What the clock of the trace says to it. */
static void add_validity(struct buf *out, const struct out_options *options,
			 const struct fact_cert *cert, int64_t now)
{
	bool expired = out_has_date(cert->not_after) && now > cert->not_after;
	bool early = out_has_date(cert->not_before) && now < cert->not_before;

	out_style(out, options, expired || early ? STYLE_YELLOW : STYLE_PLAIN);
	if (expired)
		add_date(out, " EXPIRED ", cert->not_after);
	else if (early)
		add_date(out, " NOT VALID BEFORE ", cert->not_before);
	else if (out_has_date(cert->not_after))
		add_date(out, " until ", cert->not_after);
	out_style_end(out, options, expired || early ? STYLE_YELLOW : STYLE_PLAIN);
}

static bool next_name(struct text *list, struct text *name)
{
	const char *nul = list->len ? memchr(list->data, '\0', list->len) : NULL;
	size_t len = nul ? (size_t)(nul - list->data) : list->len;

	*name = (struct text){ list->data, len };
	list->data += len + (nul != NULL);
	list->len -= len + (nul != NULL);
	if (name->len > 4 && memcmp(name->data, "DNS:", 4) == 0) {
		name->data += 4;
		name->len -= 4;
	}
	return name->len > 0;
}

/* "CN=example.org" for example.org alone: said once. */
static bool is_only_name(const struct fact_cert *cert)
{
	struct text list = cert->san, subject = cert->subject, name;

	if (!next_name(&list, &name) || list.len || subject.len < 3)
		return false;
	return memcmp(subject.data, "CN=", 3) == 0 &&
	       text_equal((struct text){ subject.data + 3, subject.len - 3 }, name);
}

static void add_names(struct buf *out, const struct fact_cert *cert, size_t most)
{
	struct text list = cert->san, name;
	const char *between = " for ";
	size_t count = 0;

	if (is_only_name(cert))
		return;
	while (next_name(&list, &name)) {
		if (++count > most)
			continue;
		buf_string(out, between);
		escape_text(out, name);
		between = ", ";
	}
	if (count > most) {
		buf_literal(out, ", +");
		buf_uint_grouped(out, count - most);
	}
}

static void add_issuer(struct buf *out, const struct fact_cert *cert)
{
	if (!cert->issuer.len)
		return;
	buf_literal(out, " by ");
	escape_text(out, cert->issuer);
}

/* The sender's own, in the line of the handshake. */
static void add_leaf(struct buf *out, const struct out_options *options, size_t start,
		     const char *word, const struct fact_cert *cert, int64_t now)
{
	next_part(out, start);
	buf_string(out, word);
	if (cert->subject.len)
		buf_char(out, ' ');
	escape_text(out, cert->subject);
	add_names(out, cert, NAMES_SHOWN);
	add_issuer(out, cert);
	add_validity(out, options, cert, now);
}

/* With -v all of them, whole. Indented like data: the names in it are of the
 * network. */
static void add_chain(struct buf *out, const char *whose, const struct fact_cert *certs,
		      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct fact_cert *cert = &certs[i];

		buf_literal(out, ESCAPE_INDENT);
		buf_string(out, whose);
		buf_literal(out, " cert ");
		buf_uint(out, i + 1);
		buf_string(out, cert->is_ca ? " (CA)" : "");
		if (cert->subject.len)
			buf_char(out, ' ');
		escape_text(out, cert->subject);
		add_names(out, cert, SIZE_MAX);
		add_issuer(out, cert);
		if (out_has_date(cert->not_before))
			add_date(out, ", from ", cert->not_before);
		if (out_has_date(cert->not_after))
			add_date(out, ", until ", cert->not_after);
		buf_char(out, '\n');
	}
}

static void add_duration(struct buf *out, const char *before, int64_t duration, const char *behind)
{
	if (duration < 0)
		return;
	buf_string(out, before);
	out_duration(out, (uint64_t)duration);
	buf_string(out, behind);
}

static void add_outcome(struct buf *out, const struct out_options *options, size_t start,
			const struct fact_tls *tls)
{
	if (tls->error.len) {
		next_part(out, start);
		out_style(out, options, STYLE_RED);
		buf_literal(out, "failed: ");
		escape_text(out, tls->error);
		out_style_end(out, options, STYLE_RED);
		add_duration(out, " (", tls->duration, ")");
		return;
	}
	if (tls->resumed >= 0)
		add_part(out, start, tls->resumed ? TEXT("resumed") : TEXT("full"));
	else if (tls->duration >= 0)
		next_part(out, start);
	add_duration(out, tls->resumed >= 0 ? " " : "", tls->duration, "");
	if (tls->early_data)
		add_part(out, start, TEXT("early data"));
	if (tls->hello_retry)
		add_part(out, start, TEXT("retried"));
}

static void add_kind(struct buf *out, size_t start, const struct fact_tls *tls)
{
	if (tls->version)
		add_part(out, start, text_of(tls->version));
	add_cipher(out, start, tls->cipher);
	add_part(out, start, tls->sni);
}

static void add_handshake(struct buf *out, const struct out_options *options, size_t start,
			  const struct fact *fact)
{
	const struct fact_tls *tls = &fact->tls;
	int64_t now = (int64_t)((fact->time + options->clock_offset) / 1000000000);

	add_kind(out, start, tls);
	add_part(out, start, tls->alpn);
	add_outcome(out, options, start, tls);
	if (tls->cert_count)
		add_leaf(out, options, start, "cert", tls->certs, now);
	if (tls->client_cert_count)
		add_leaf(out, options, start, "client cert", tls->client_certs, now);
}

static void add_error(struct buf *out, const struct out_options *options, size_t start,
		      enum style style, const char *before, struct text error)
{
	next_part(out, start);
	out_style(out, options, style);
	buf_string(out, before);
	escape_text(out, error);
	out_style_end(out, options, style);
}

/* What the other parts do not say, dimmed. */
static void add_tail(struct buf *out, const struct out_options *options, size_t start,
		     const struct fact *fact)
{
	const struct fact_tls *tls = &fact->tls;
	const struct conn *conn = fact->conn;

	if (!tls->via && !conn)
		return;
	out_style(out, options, STYLE_DIM);
	if (tls->via) {
		next_part(out, start);
		buf_literal(out, "via ");
		buf_string(out, tls->via);
	}
	if (conn && (conn->transport || conn->local.len || conn->remote.len)) {
		next_part(out, start);
		text_sides(out, conn, !tls->client_dir_known ? "<->" :
			   tls->client_dir == DIR_OUT ? "->" : "<-", TEXT(""));
	}
	out_style_end(out, options, STYLE_DIM);
}

void text_tls(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	const struct fact_tls *tls = &fact->tls;
	enum style style = tls->moment == TLS_UNSEEN ? STYLE_YELLOW :
			   tls->error.len ? STYLE_RED : STYLE_PLAIN;
	size_t start;

	text_begin(out, options, fact, "tls", style);
	start = out->len;
	if (tls->moment == TLS_HANDSHAKE)
		add_handshake(out, options, start, fact);
	else if (tls->moment == TLS_UNSEEN)
		add_kind(out, start, tls);
	if (tls->moment == TLS_ALERT)
		add_error(out, options, start, style, "alert: ", tls->error);
	else if (tls->moment == TLS_UNSEEN)
		add_error(out, options, start, style, "not shown in the clear: ", tls->error);
	add_tail(out, options, start, fact);
	buf_char(out, '\n');
	if (!options->verbose || tls->moment != TLS_HANDSHAKE)
		return;
	add_chain(out, "server", tls->certs, tls->cert_count);
	add_chain(out, "client", tls->client_certs, tls->client_cert_count);
}

/* How much ciphertext a gap took is known, how much plaintext that was is not,
 * quite: the length is the least. */
static void add_missing(struct buf *out, const struct out_options *options,
			const struct fact_plaintext *plaintext)
{
	uint64_t shown = plaintext->data.len;

	if (!plaintext->gap && shown >= plaintext->len)
		return;
	text_gap_begin(out, options);
	if (shown < plaintext->len) {
		if (!plaintext->gap || strcmp(plaintext->gap, "cut"))
			buf_literal(out, "at least ");
		out_count(out, plaintext->len - shown, "byte", "bytes");
		buf_literal(out, " missing");
	} else {
		buf_literal(out, "bytes missing, how many is not known");
	}
	text_gap_end(out, options, plaintext->gap);
}

void text_plaintext(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	const struct fact_plaintext *plaintext = &fact->plaintext;
	bool outward = plaintext->dir == DIR_OUT;
	struct conn conn = {};
	size_t start;

	text_begin(out, options, fact, outward ? "out" : "in", outward ? STYLE_CYAN : STYLE_GREEN);
	start = out->len;
	buf_uint_grouped(out, plaintext->len);
	text_pad(out, start, SIZE_COLUMNS);
	if (fact->conn)
		conn = *fact->conn;
	conn.transport = "tls"; /* what the bytes came through, as `io` has "tcp" */
	text_sides(out, &conn, outward ? "->" : "<-", TEXT(""));
	out_style(out, options, STYLE_DIM);
	buf_literal(out, "  at ");
	buf_uint_grouped(out, plaintext->offset);
	out_style_end(out, options, STYLE_DIM);
	buf_char(out, '\n');
	text_data(out, options, plaintext->data);
	add_missing(out, options, plaintext);
}
