/* A window on bytes that can only be read forwards and within: what does not fit
 * latches `bad`, and from then on everything is zero or empty. A length that is
 * read opens a narrower window, which must be used up exactly. */
#ifndef GLASSTAP_TLS_HELLO_READ_H
#define GLASSTAP_TLS_HELLO_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct window {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static inline struct window window_of(struct text text)
{
	return (struct window){ (const uint8_t *)text.data, text.len, false };
}

/* To be asked once, at the end. */
static inline bool window_done(const struct window *window)
{
	return !window->bad && !window->left;
}

static inline struct text window_take(struct window *window, size_t len)
{
	struct text taken = { (const char *)window->at, len };

	if (window->bad || len > window->left) {
		window->bad = true;
		return (struct text){ "", 0 };
	}
	if (len)
		window->at += len;
	window->left -= len;
	return taken;
}

/* A number of up to four bytes, in network order. */
static inline uint32_t window_number(struct window *window, size_t bytes)
{
	struct text taken = window_take(window, bytes);
	uint32_t number = 0;

	for (size_t i = 0; i < taken.len; i++)
		number = number << 8 | (uint8_t)taken.data[i];
	return number;
}

/* A length of so many bytes, and what it says. */
static inline struct text window_vector(struct window *window, size_t bytes)
{
	return window_take(window, window_number(window, bytes));
}

#endif
