/* A growing byte buffer for output. An allocation that fails latches `failed`
 * and later calls do nothing, so that a writer checks once, at the end. All
 * zeros is an empty buffer; `len = 0` empties one and keeps its memory. The
 * usual case, where there is room, is inline: a line of output is some forty
 * short additions. */
#ifndef GLASSTAP_BUF_H
#define GLASSTAP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct buf {
	char *data;
	size_t len, room;
	bool failed;
};

void buf_free(struct buf *buf);
char *buf_grow(struct buf *buf, size_t len);                   /* buf_reserve's slow half */

/* Room for `len` bytes at the end, or NULL. The caller writes them and adds
 * what it wrote to buf->len. */
static inline char *buf_reserve(struct buf *buf, size_t len)
{
	if (len <= buf->room - buf->len && buf->data && !buf->failed)
		return buf->data + buf->len;
	return buf_grow(buf, len);
}

static inline void buf_add(struct buf *buf, const void *data, size_t len)
{
	char *to = len ? buf_reserve(buf, len) : NULL;

	if (to) {
		memcpy(to, data, len);
		buf->len += len;
	}
}

static inline void buf_text(struct buf *buf, struct text text)
{
	buf_add(buf, text.data, text.len);
}

static inline void buf_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

#define buf_literal(buf, literal) buf_add(buf, "" literal, sizeof(literal) - 1)

void buf_string(struct buf *buf, const char *string);          /* up to its NUL */
void buf_fill(struct buf *buf, char c, size_t count);
void buf_uint(struct buf *buf, uint64_t value);                /* decimal */
void buf_uint_pad(struct buf *buf, uint64_t value, int width, char fill);
void buf_uint_grouped(struct buf *buf, uint64_t value);        /* 1,234,567 */
void buf_int(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...)      /* not on hot paths */
	__attribute__((format(printf, 2, 3)));

#endif
