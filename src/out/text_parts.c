#include "out/text_parts.h"

#include "base/escape.h"

#define WHO_COLUMNS 22         /* comm[pid] */
#define CONN_COLUMNS 6
#define VERB_COLUMNS 10
#define HEX_BYTES 16
#define DAY 86400

void text_pad(struct buf *out, size_t start, size_t width)
{
	size_t used = 0;

	for (size_t i = start; i < out->len; i++)
		used += (out->data[i] & 0xc0) != 0x80;
	buf_fill(out, ' ', used < width ? width - used : 1);
}

static void add_clock(struct buf *out, const struct out_options *options, uint64_t time)
{
	uint64_t utc = time + options->clock_offset;
	int64_t second = ((int64_t)(utc / 1000000000) + options->zone_offset % DAY) % DAY;
	char clock[16], *to = out_time_of_day(clock, (uint32_t)(second < 0 ? second + DAY : second));

	*to++ = '.';
	to = out_digits(to, utc % 1000000000 / 1000, 6);
	out_style(out, options, STYLE_DIM);
	buf_add(out, clock, (size_t)(to - clock));
	out_style_end(out, options, STYLE_DIM);
	buf_char(out, ' ');
}

static void add_who(struct buf *out, const struct fact *fact)
{
	size_t start = out->len;

	if (fact->comm)
		escape_text(out, text_of(fact->comm));
	if (fact->pid) {
		buf_char(out, '[');
		buf_uint(out, fact->pid);
		buf_char(out, ']');
	} else if (out->len == start) {
		buf_char(out, '-');
	}
	text_pad(out, start, WHO_COLUMNS);
}

void text_begin(struct buf *out, const struct out_options *options, const struct fact *fact,
		const char *verb, enum style style)
{
	size_t start;

	add_clock(out, options, fact->time);
	add_who(out, fact);
	start = out->len;
	if (fact->conn) {
		buf_char(out, 'c');
		buf_uint(out, fact->conn->number);
	} else {
		buf_char(out, '-');
	}
	text_pad(out, start, CONN_COLUMNS);
	out_style(out, options, style);
	buf_string(out, verb);
	out_style_end(out, options, style);
	buf_fill(out, ' ', strlen(verb) < VERB_COLUMNS ? VERB_COLUMNS - strlen(verb) : 1);
}

void text_sides(struct buf *out, const struct conn *conn, const char *arrow, struct text peer)
{
	struct text local = conn ? conn->local : TEXT("");
	struct text remote = peer.len || !conn ? peer : conn->remote;

	if (conn && conn->transport) {
		buf_string(out, conn->transport);
		if (local.len || remote.len)
			buf_char(out, ' ');
	}
	escape_text(out, local);
	if (!remote.len)
		return;
	if (local.len)
		buf_char(out, ' ');
	buf_string(out, arrow);
	buf_char(out, ' ');
	escape_text(out, remote);
}

static char *put_hex(char *to, uint64_t value, int digits)
{
	static const char hex[] = "0123456789abcdef";

	for (int i = digits - 1; i >= 0; i--) {
		to[i] = hex[value & 15];
		value >>= 4;
	}
	return to + digits;
}

static void add_hex_line(struct buf *out, size_t offset, const unsigned char *bytes, size_t len)
{
	char line[sizeof(ESCAPE_INDENT) + 10 + HEX_BYTES / 2 * 5 + 1 + HEX_BYTES + 1], *to = line;

	memset(line, ' ', sizeof(line));
	to = put_hex(to + sizeof(ESCAPE_INDENT) - 1, offset, 8);
	*to++ = ':';
	for (size_t i = 0; i < HEX_BYTES; i++) {
		to += i % 2 == 0;
		if (i < len)
			put_hex(to, bytes[i], 2);
		to += 2;
	}
	to += 2;
	for (size_t i = 0; i < len; i++)
		*to++ = (char)(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
	*to++ = '\n';
	buf_add(out, line, (size_t)(to - line));
}

static void add_hex(struct buf *out, struct text data)
{
	for (size_t at = 0; at < data.len; at += HEX_BYTES)
		add_hex_line(out, at, (const unsigned char *)data.data + at,
			     data.len - at < HEX_BYTES ? data.len - at : HEX_BYTES);
}

void text_data(struct buf *out, const struct out_options *options, struct text data)
{
	if (options->hex)
		add_hex(out, data);
	else
		escape_lines(out, data);
}

void text_gap_begin(struct buf *out, const struct out_options *options)
{
	out_style(out, options, STYLE_YELLOW);
	buf_literal(out, "  ... ");
}

void text_gap_end(struct buf *out, const struct out_options *options, const char *why)
{
	if (why && strcmp(why, "cut") == 0) {
		buf_literal(out, " (-s)");
	} else if (why) {
		buf_literal(out, ": ");
		buf_string(out, why);
	}
	out_style_end(out, options, STYLE_YELLOW);
	buf_char(out, '\n');
}

void text_gap(struct buf *out, const struct out_options *options, uint64_t shown, uint64_t len,
	      const char *why)
{
	if (shown >= len)
		return;
	text_gap_begin(out, options);
	buf_uint_grouped(out, len - shown);
	if (shown) {
		buf_literal(out, " of ");
		buf_uint_grouped(out, len);
	}
	buf_literal(out, " bytes not shown");
	text_gap_end(out, options, why);
}
