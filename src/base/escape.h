/* Bytes of any origin made fit for a terminal or for JSON. Nothing that they
 * write can move a cursor, change a colour, end a line or reorder text. */
#ifndef GLASSTAP_ESCAPE_H
#define GLASSTAP_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/text.h"

/* For people. Printable ASCII and printable UTF-8 stay as they are; a backslash
 * becomes \\, every other byte \n, \r, \t or \xHH. So it can be read back. */
void escape_text(struct buf *out, struct text text);

/* Data for people, below a line of ours: each line of it is indented. */
void escape_lines(struct buf *out, struct text text);
#define ESCAPE_INDENT "    "

/* The inside of a JSON string. The text must be valid UTF-8. What would harm a
 * terminal becomes \uHHHH, which means the same in JSON. */
void escape_json(struct buf *out, struct text text);

/* Strictly as RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF. */
bool utf8_valid(struct text text);

void base64(struct buf *out, struct text bytes);               /* RFC 4648 section 4, padded */

#endif
