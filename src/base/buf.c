#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_ROOM 256
#define DIGITS 20              /* of UINT64_MAX */

void buf_free(struct buf *buf)
{
	if (!buf)
		return;
	free(buf->data);
	*buf = (struct buf){ 0 };
}

char *buf_grow(struct buf *buf, size_t len)
{
	size_t room = buf->room ? buf->room : FIRST_ROOM;
	char *data;

	if (buf->failed)
		return NULL;
	if (len > SIZE_MAX / 2 - buf->len)
		goto fail;
	while (room - buf->len < len)
		room *= 2;
	data = realloc(buf->data, room);
	if (!data)
		goto fail;
	buf->data = data;
	buf->room = room;
	return data + buf->len;
fail:
	buf->failed = true;
	return NULL;
}

void buf_string(struct buf *buf, const char *string)
{
	buf_add(buf, string, strlen(string));
}

void buf_fill(struct buf *buf, char c, size_t count)
{
	char *to = count ? buf_reserve(buf, count) : NULL;

	if (to) {
		memset(to, c, count);
		buf->len += count;
	}
}

static const char pairs[] =
	"00010203040506070809101112131415161718192021222324"
	"25262728293031323334353637383940414243444546474849"
	"50515253545556575859606162636465666768697071727374"
	"75767778798081828384858687888990919293949596979899";

/* Writes the digits so that they end at `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t value)
{
	while (value >= 100) {
		end -= 2;
		memcpy(end, pairs + 2 * (value % 100), 2);
		value /= 100;
	}
	if (value >= 10) {
		end -= 2;
		memcpy(end, pairs + 2 * value, 2);
	} else {
		*--end = (char)('0' + value);
	}
	return end;
}

void buf_uint(struct buf *buf, uint64_t value)
{
	char digits[DIGITS];
	const char *from = digits_before(digits + DIGITS, value);

	buf_add(buf, from, (size_t)(digits + DIGITS - from));
}

void buf_uint_pad(struct buf *buf, uint64_t value, int width, char fill)
{
	char digits[DIGITS];
	const char *from = digits_before(digits + DIGITS, value);
	size_t len = (size_t)(digits + DIGITS - from);

	if (width > 0 && (size_t)width > len)
		buf_fill(buf, fill, (size_t)width - len);
	buf_add(buf, from, len);
}

void buf_uint_grouped(struct buf *buf, uint64_t value)
{
	char digits[DIGITS];
	const char *from = digits_before(digits + DIGITS, value);
	size_t left = (size_t)(digits + DIGITS - from);
	size_t now = (left - 1) % 3 + 1;

	for (;;) {
		buf_add(buf, from, now);
		from += now;
		left -= now;
		if (!left)
			return;
		buf_char(buf, ',');
		now = 3;
	}
}

void buf_int(struct buf *buf, int64_t value)
{
	if (value < 0)
		buf_char(buf, '-');
	buf_uint(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	size_t room = 128;
	va_list args;
	char *to;
	int len;

	for (;;) {
		to = buf_reserve(buf, room);
		if (!to)
			return;
		va_start(args, format);
		len = vsnprintf(to, room, format, args);
		va_end(args);
		if (len < 0) {
			buf->failed = true;
			return;
		}
		if ((size_t)len < room) {
			buf->len += (size_t)len;
			return;
		}
		room = (size_t)len + 1;
	}
}
