#include "base/failure.h"

#include <stdarg.h>
#include <stdio.h>

/* Bytes of the UTF-8 sequence at `s`, which ends in NUL: 0 if it is none, or
 * stands for a control character. */
static int printable_len(const unsigned char *s)
{
	static const unsigned smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned code;
	int len;

	if (s[0] < 0x80)
		return s[0] >= ' ' && s[0] != 0x7f;
	len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc0 || s[0] > 0xf4)
		return 0;
	code = s[0] & (0x7fu >> len);
	for (int i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return code < 0xa0 ? 0 : len;          /* U+0080 to U+009F control terminals too */
}

int failure_set(struct failure *failure, int code, const char *format, ...)
{
	unsigned char *s = (unsigned char *)failure->text;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(failure->text, sizeof(failure->text), format, arguments);
	va_end(arguments);
	while (*s) {
		int len = printable_len(s);

		if (!len)
			*s = '?';
		s += len ? len : 1;
	}
	return code;
}
