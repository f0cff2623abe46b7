/* Bytes of any origin made fit for a terminal or for JSON. Nothing that they
 * write can move a cursor, change a colour, reorder text or, but where it is said,
 * end a line. */
#ifndef GLASSTAP_ESCAPE_H
#define GLASSTAP_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/text.h"

/* For people. Printable ASCII and printable UTF-8 stay as they are; a backslash
 * becomes \\, every other byte \n, \r, \t or \xHH. So it can be read back. */
void escape_text(struct buf *out, struct text text);

#define ESCAPE_INDENT "    "

/* Data for people, line for line and indented: "\n" and "\r\n" end a line and
 * are not shown. From the first line on that is rather binary than text (a
 * compressed body under its headers) every byte that is not printable ASCII is
 * escaped, line ends too, and the lines are wrapped at 100 columns. */
void escape_lines(struct buf *out, struct text text);

/* The inside of a JSON string. The text must be valid UTF-8. What would harm a
 * terminal becomes \uHHHH, which means the same in JSON. */
void escape_json(struct buf *out, struct text text);

/* Strictly as RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF. */
bool utf8_valid(struct text text);

#endif
