/* Machine code in tests: hexadecimal digits, blanks between them as one likes. The
 * bytes end where their memory ends, so that the sanitizer sees a read beyond. */
#ifndef GLASSTAP_CODE_BYTES_H
#define GLASSTAP_CODE_BYTES_H

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct code_bytes {
	uint8_t *bytes;
	size_t len;
};

static inline uint8_t code_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static inline struct code_bytes code_bytes(const char *hex)
{
	struct code_bytes code = { malloc(strlen(hex) / 2 + 1), 0 };
	struct code_bytes exact;
	bool high = true;

	for (; *hex; hex++) {
		if (isspace((unsigned char)*hex))
			continue;
		if (high)
			code.bytes[code.len] = (uint8_t)(code_digit(*hex) << 4);
		else
			code.bytes[code.len++] |= code_digit(*hex);
		high = !high;
	}
	exact = (struct code_bytes){ malloc(code.len), code.len };
	memcpy(exact.bytes, code.bytes, code.len);
	free(code.bytes);
	return exact;
}

/* Some of the bytes, in memory of their own. */
static inline struct code_bytes code_part(struct code_bytes code, size_t from, size_t len)
{
	struct code_bytes part = { malloc(len ? len : 1), len };

	memcpy(part.bytes, code.bytes + from, len);
	return part;
}

#endif
