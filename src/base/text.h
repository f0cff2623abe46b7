/* Text and bytes as a pointer and a length, by value. Borrowed, never owned:
 * valid as long as what it points into. */
#ifndef GLASSTAP_TEXT_H
#define GLASSTAP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text {
	const char *data;
	size_t len;
};

#define TEXT(literal) ((struct text){ (literal), sizeof(literal) - 1 })

static inline struct text text_of(const char *string)
{
	return (struct text){ string, strlen(string) };
}

static inline bool text_equal(struct text a, struct text b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
