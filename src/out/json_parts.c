#include "out/json_parts.h"

#include "base/base64.h"
#include "base/escape.h"

#define SECOND 1000000000u

/* 64 bits of nanoseconds end in 2554: four digits are enough. */
void json_time(struct buf *out, uint64_t time)
{
	uint64_t second = time / SECOND;
	char *to = buf_reserve(out, 30), *from = to;

	if (!to)
		return;
	to = out_date(to, (int64_t)(second / 86400));
	*to++ = 'T';
	to = out_time_of_day(to, (uint32_t)(second % 86400));
	*to++ = '.';
	to = out_digits(to, time % SECOND, 9);
	*to++ = 'Z';
	out->len += (size_t)(to - from);
}

void json_quoted(struct buf *out, struct text bytes, bool valid)
{
	buf_char(out, '"');
	if (valid)
		escape_json(out, bytes);
	else
		base64(out, bytes);
	buf_char(out, '"');
}

void json_bytes(struct buf *out, struct text key, struct text bytes)
{
	bool valid = utf8_valid(bytes);

	buf_text(out, key);
	buf_text(out, valid ? TEXT("\":") : TEXT("_base64\":"));
	json_quoted(out, bytes, valid);
}

/* Exactly `ns`: no less than 3 decimals. */
void json_decimal(struct buf *out, uint64_t ns, int digits)
{
	uint64_t unit = digits == 6 ? 1000000 : SECOND;
	char decimals[9];

	buf_uint(out, ns / unit);
	buf_char(out, '.');
	out_digits(decimals, ns % unit, digits);
	while (digits > 3 && decimals[digits - 1] == '0')
		digits--;
	buf_add(out, decimals, (size_t)digits);
}

void json_conn(struct buf *out, const struct conn *conn)
{
	if (!conn)
		return;
	buf_literal(out, ",\"conn\":\"c");
	buf_uint(out, conn->number);
	buf_char(out, '"');
}

void json_dir(struct buf *out, uint8_t dir)
{
	buf_text(out, dir == DIR_OUT ? TEXT(",\"dir\":\"out\"") : TEXT(",\"dir\":\"in\""));
}

void json_transport(struct buf *out, const struct conn *conn)
{
	if (conn && conn->transport)
		add_word_member(out, ",\"transport\":", conn->transport);
}

void json_sides(struct buf *out, const struct conn *conn, struct text peer)
{
	if (conn && conn->local.len)
		add_bytes_member(out, "local", conn->local);
	if (peer.len)
		add_bytes_member(out, "remote", peer);
	else if (conn && conn->remote.len)
		add_bytes_member(out, "remote", conn->remote);
}

/* One item that is not valid makes them all base64: a NUL between two ends any
 * character, so they can be judged at once. */
void json_list(struct buf *out, const char *key, struct text list)
{
	bool valid = utf8_valid(list);

	buf_literal(out, ",\"");
	buf_string(out, key);
	buf_text(out, valid ? TEXT("\":[") : TEXT("_base64\":["));
	while (list.len) {
		const char *nul = memchr(list.data, '\0', list.len);
		size_t len = nul ? (size_t)(nul - list.data) : list.len;
		size_t step = nul ? len + 1 : len;

		json_quoted(out, (struct text){ list.data, len }, valid);
		list.data += step;
		list.len -= step;
		if (list.len)
			buf_char(out, ',');
	}
	buf_char(out, ']');
}
