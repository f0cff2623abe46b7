/* X.509 (RFC 5280) for people.
 *
 * Not by d2i_X509: that decodes the public key too, which takes 80 us, a good
 * part of what the whole handshake costs, is code that a stranger's bytes need
 * not reach, and gives nothing for a certificate with one bad field. The frame is
 * a dozen nested lengths, walked here; libcrypto knows what is hard in the leaves:
 * names of object ids, the old kinds of strings, times. */
#include "tls/cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <time.h>

#include "limits.h"
#include "tls/hello_read.h"

#define OID_MAX 64             /* those in use have up to 12 bytes */

enum tag {
	TAG_BOOLEAN = 0x01, TAG_OCTETS = 0x04, TAG_OID = 0x06, TAG_UTF8 = 0x0c,
	TAG_NUMERIC = 0x12, TAG_PRINTABLE = 0x13, TAG_T61 = 0x14, TAG_IA5 = 0x16, TAG_UTC = 0x17,
	TAG_GENERALIZED = 0x18, TAG_VISIBLE = 0x1a, TAG_UNIVERSAL = 0x1c, TAG_BMP = 0x1e,
	TAG_SEQUENCE = 0x30, TAG_SET = 0x31, TAG_VERSION = 0xa0, TAG_EXTENSIONS = 0xa3
};

struct element {
	uint8_t tag;
	struct text content;
};

/* DER, of which we need one byte of tag and up to four of length. `lenient` takes
 * what is there of a content that is cut. */
static struct element next(struct window *window, bool lenient)
{
	struct element element = { .tag = (uint8_t)window_number(window, 1) };
	size_t len = window_number(window, 1);

	if ((element.tag & 0x1f) == 0x1f || len == 0x80 || len > 0x84)
		window->bad = true;
	if (len & 0x80)
		len = window_number(window, len & 0x7f);
	if (lenient && len > window->left)
		len = window->left;
	element.content = window_take(window, len);
	return element;
}

/* The content of the next element, which must have this tag. */
static struct text take(struct window *window, uint8_t tag)
{
	struct element element = next(window, false);

	if (element.tag == tag && !window->bad)
		return element.content;
	window->bad = true;
	return (struct text){ "", 0 };
}

static struct window enter(struct window *window, uint8_t tag)
{
	return window_of(take(window, tag));
}

static bool more(const struct window *window)
{
	return window->left && !window->bad;
}

static bool next_is(const struct window *window, uint8_t tag)
{
	return more(window) && *window->at == tag;
}

static void add_hex(struct buf *out, uint8_t byte)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_char(out, digits[byte >> 4]);
	buf_char(out, digits[byte & 15]);
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static ASN1_OBJECT *object_of(struct text oid)
{
	unsigned char der[2 + OID_MAX] = { TAG_OID, (unsigned char)oid.len };
	const unsigned char *at = der;

	if (!oid.len || oid.len > OID_MAX)
		return NULL;
	memcpy(der + 2, oid.data, oid.len);
	return d2i_ASN1_OBJECT(NULL, &at, (long)(2 + oid.len));
}

/* "CN", or "1.2.3" where it has no name. */
static bool add_oid(struct buf *out, struct text oid)
{
	ASN1_OBJECT *object = object_of(oid);
	int nid = object ? OBJ_obj2nid(object) : NID_undef;
	char digits[OID_MAX * 4];
	int len = 0;

	if (nid != NID_undef)
		buf_string(out, OBJ_nid2sn(nid));
	else if (object)
		len = OBJ_obj2txt(digits, sizeof(digits), object, 1);
	ASN1_OBJECT_free(object);
	if (len > 0 && len < (int)sizeof(digits))
		buf_add(out, digits, (size_t)len);
	return nid != NID_undef || len > 0;
}

static bool needs_quotes(struct text value)
{
	if (!value.len)
		return false;
	if (value.data[0] == ' ' || value.data[0] == '#' || value.data[value.len - 1] == ' ')
		return true;
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] && strchr(",+\"\\<>;", value.data[i]))
			return true;
	return false;
}

/* As RFC 2253 has it, in quotes where needed: a comma is common in the names of
 * companies, and a backslash would be escaped again by the outputs. */
static void add_value(struct buf *out, struct text value)
{
	bool quotes = needs_quotes(value);

	if (quotes)
		buf_char(out, '"');
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (is_control(c) || c == '"' || c == '\\')
			buf_char(out, '\\');
		if (is_control(c))
			add_hex(out, (uint8_t)c);
		else
			buf_char(out, c);
	}
	if (quotes)
		buf_char(out, '"');
}

static bool add_converted(struct buf *out, struct element value)
{
	ASN1_STRING *string = ASN1_STRING_type_new(value.tag);
	unsigned char *utf8 = NULL;
	int len = -1;

	if (string && ASN1_STRING_set(string, value.content.data, (int)value.content.len))
		len = ASN1_STRING_to_UTF8(&utf8, string);
	ASN1_STRING_free(string);
	if (len < 0)
		return false;
	add_value(out, (struct text){ (const char *)utf8, (size_t)len });
	OPENSSL_free(utf8);
	return true;
}

static void add_string(struct buf *out, struct element value)
{
	switch (value.tag) {
	case TAG_UTF8:
	case TAG_NUMERIC:
	case TAG_PRINTABLE:
	case TAG_IA5:
	case TAG_VISIBLE:
		add_value(out, value.content);
		return;
	case TAG_T61:
	case TAG_UNIVERSAL:
	case TAG_BMP:
		if (add_converted(out, value))
			return;
	}
	buf_char(out, '#');
	for (size_t i = 0; i < value.content.len; i++)
		add_hex(out, (uint8_t)value.content.data[i]);
}

/* One RelativeDistinguishedName: "CN=a", or "CN=a + UID=b". */
static bool add_part(struct buf *out, struct text part)
{
	struct window set = window_of(part);
	const char *between = "";

	while (more(&set)) {
		struct window pair = enter(&set, TAG_SEQUENCE);
		struct text oid = take(&pair, TAG_OID);
		struct element value = next(&pair, false);

		if (set.bad || !window_done(&pair))
			return false;
		buf_string(out, between);
		if (!add_oid(out, oid))
			return false;
		buf_char(out, '=');
		add_string(out, value);
		between = " + ";
	}
	return !set.bad;
}

/* From the last part to the first, as RFC 2253 does: the most specific, mostly
 * CN, comes first. What is no name leaves nothing. */
static void add_name(struct buf *out, struct text name)
{
	struct window window = window_of(name);
	struct text parts[MAX_NAME_PARTS];
	size_t count = 0, start = out->len;
	bool whole;

	while (more(&window) && count < MAX_NAME_PARTS)
		parts[count++] = take(&window, TAG_SET);
	whole = !window.left;
	if (window.bad)
		return;
	while (count) {
		if (!add_part(out, parts[--count])) {
			out->len = start;
			return;
		}
		buf_string(out, count ? ", " : whole ? "" : ", ...");
	}
}

static int64_t read_time(struct window *window)
{
	struct element element = next(window, false);
	ASN1_TIME *time = NULL;
	struct tm tm;
	int64_t seconds = CERT_TIME_UNKNOWN;

	if (window->bad || (element.tag != TAG_UTC && element.tag != TAG_GENERALIZED))
		return CERT_TIME_UNKNOWN;
	time = ASN1_STRING_type_new(element.tag);
	if (time && element.content.len < 32 &&
	    ASN1_STRING_set(time, element.content.data, (int)element.content.len) &&
	    ASN1_TIME_to_tm(time, &tm))
		seconds = timegm(&tm);
	ASN1_STRING_free(time);
	return seconds;
}

/* Of the network, and in a list that ends each name in NUL: a NUL inside one, by
 * which a name can pass for another, is written out, and with it the backslash. */
static void add_plain(struct buf *out, const char *kind, struct text value)
{
	buf_string(out, kind);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (is_control(c) || c == '\\') {
			buf_char(out, '\\');
			add_hex(out, (uint8_t)c);
		} else {
			buf_char(out, c);
		}
	}
}

static void add_ip(struct buf *out, struct text value)
{
	char ip[INET6_ADDRSTRLEN];

	buf_literal(out, "IP:");
	if (value.len != 4 && value.len != 16) {
		buf_char(out, '#');
		for (size_t i = 0; i < value.len; i++)
			add_hex(out, (uint8_t)value.data[i]);
	} else if (inet_ntop(value.len == 4 ? AF_INET : AF_INET6, value.data, ip, sizeof(ip))) {
		buf_string(out, ip);
	}
}

/* otherName tells at least what it is of. */
static void add_other(struct buf *out, struct text value)
{
	struct window window = window_of(value);
	struct text oid = take(&window, TAG_OID);

	buf_literal(out, "otherName:");
	if (!window.bad)
		add_oid(out, oid);
}

static void add_directory(struct buf *out, struct text value)
{
	struct window window = window_of(value);

	buf_literal(out, "DirName:");
	add_name(out, take(&window, TAG_SEQUENCE));
}

/* GeneralName: its tag is a choice, context-specific. */
static void add_general(struct buf *out, struct element name)
{
	switch (name.tag) {
	case 0xa0:
		add_other(out, name.content);
		break;
	case 0x81:
		add_plain(out, "email:", name.content);
		break;
	case 0x82:
		add_plain(out, "DNS:", name.content);
		break;
	case 0xa4:
		add_directory(out, name.content);
		break;
	case 0x86:
		add_plain(out, "URI:", name.content);
		break;
	case 0x87:
		add_ip(out, name.content);
		break;
	case 0x88:
		buf_literal(out, "RID:");
		add_oid(out, name.content);
		break;
	default:
		buf_literal(out, "other:");
		buf_uint(out, name.tag & 0x1f);
	}
	buf_char(out, '\0');
}

static void add_san(struct buf *out, struct text value)
{
	struct window window = window_of(value), names = enter(&window, TAG_SEQUENCE);

	while (more(&names)) {
		struct element name = next(&names, false);

		if (!names.bad)
			add_general(out, name);
	}
}

static bool read_is_ca(struct text value)
{
	struct window window = window_of(value), constraints = enter(&window, TAG_SEQUENCE);
	struct text is_ca;

	if (!next_is(&constraints, TAG_BOOLEAN))
		return false;
	is_ca = take(&constraints, TAG_BOOLEAN);
	return is_ca.len == 1 && is_ca.data[0];
}

#define OID_SAN TEXT("\x55\x1d\x11")         /* 2.5.29.17 */
#define OID_CONSTRAINTS TEXT("\x55\x1d\x13") /* 2.5.29.19 */

static void read_extensions(struct window *list, struct fact_cert *cert, struct buf *text)
{
	while (more(list)) {
		struct window extension = enter(list, TAG_SEQUENCE);
		struct text oid = take(&extension, TAG_OID), value;

		if (next_is(&extension, TAG_BOOLEAN))
			take(&extension, TAG_BOOLEAN); /* critical */
		value = take(&extension, TAG_OCTETS);
		if (extension.bad)
			continue;
		if (text_equal(oid, OID_CONSTRAINTS))
			cert->is_ca = read_is_ca(value);
		else if (text_equal(oid, OID_SAN))
			add_san(text, value);
	}
}

/* The lengths of the words only; set_words gives them their place, once it is
 * final. */
static void read_cert(struct text der, struct fact_cert *cert, struct buf *text)
{
	struct window window = window_of(der), whole = window_of(next(&window, true).content);
	struct window body = window_of(next(&whole, true).content), part;

	if (next_is(&body, TAG_VERSION))
		take(&body, TAG_VERSION);
	next(&body, false); /* serial number */
	next(&body, false); /* algorithm */
	add_name(text, take(&body, TAG_SEQUENCE));
	cert->issuer.len = text->len;
	part = enter(&body, TAG_SEQUENCE);
	cert->not_before = read_time(&part);
	cert->not_after = read_time(&part);
	add_name(text, take(&body, TAG_SEQUENCE));
	cert->subject.len = text->len - cert->issuer.len;
	next(&body, false); /* public key */
	while (more(&body)) {
		struct element element = next(&body, true);

		part = window_of(element.content);
		if (element.tag != TAG_EXTENSIONS)
			continue;
		part = window_of(next(&part, true).content);
		read_extensions(&part, cert, text);
	}
	cert->san.len = text->len - cert->issuer.len - cert->subject.len;
}

static void set_words(struct fact_cert *cert, const struct buf *text)
{
	const char *data = text->data ? text->data : "";

	cert->issuer.data = data;
	cert->subject.data = data + cert->issuer.len;
	cert->san.data = cert->subject.data + cert->subject.len;
}

static int make_room(struct cert_chain *chain)
{
	size_t room = chain->room ? chain->room * 2 : 4;
	struct fact_cert *certs;
	struct buf *texts;

	if (chain->count < chain->room)
		return 0;
	certs = realloc(chain->certs, room * sizeof(*certs));
	if (!certs)
		return -ENOMEM;
	chain->certs = certs;
	texts = realloc(chain->texts, room * sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	chain->texts = texts;
	chain->room = room;
	return 0;
}

int cert_add(struct cert_chain *chain, struct text der)
{
	struct fact_cert cert = { .not_before = CERT_TIME_UNKNOWN, .not_after = CERT_TIME_UNKNOWN };
	struct buf text = {};

	if (chain->count == MAX_CERTS || der.len > MAX_CERT) {
		chain->refused++;
		return -E2BIG;
	}
	if (make_room(chain))
		return -ENOMEM;
	read_cert(der, &cert, &text);
	if (text.failed) {
		buf_free(&text);
		return -ENOMEM;
	}
	set_words(&cert, &text);
	chain->certs[chain->count] = cert;
	chain->texts[chain->count++] = text;
	return text.len || cert.not_before != CERT_TIME_UNKNOWN ||
	       cert.not_after != CERT_TIME_UNKNOWN ? 0 : -EINVAL;
}

void cert_free(struct cert_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		buf_free(&chain->texts[i]);
	free(chain->certs);
	free(chain->texts);
	*chain = (struct cert_chain){};
}
