#include "base/base64.h"

#include <stdint.h>

static const char digits64[64] = {
	'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
	'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f',
	'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
	'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'
};

static inline char *base64_group(char *to, const unsigned char *at)
{
	uint32_t group = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];

	to[0] = digits64[group >> 18];
	to[1] = digits64[group >> 12 & 63];
	to[2] = digits64[group >> 6 & 63];
	to[3] = digits64[group & 63];
	return to + 4;
}

void base64(struct buf *out, struct text bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.data;
	size_t left = bytes.len % 3;
	char *to = bytes.len ? buf_reserve(out, bytes.len / 3 * 4 + 4) : NULL;

	if (!to)
		return;
	for (size_t groups = bytes.len / 3; groups; groups--, at += 3)
		to = base64_group(to, at);
	if (left) {
		unsigned char last[3] = { at[0], left > 1 ? at[1] : 0, 0 };

		to = base64_group(to, last);
		to[-1] = '=';
		if (left == 1)
			to[-2] = '=';
	}
	out->len = (size_t)(to - out->data);
}
