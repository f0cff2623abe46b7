#ifndef GLASSTAP_BASE64_H
#define GLASSTAP_BASE64_H

#include "base/buf.h"
#include "base/text.h"

void base64(struct buf *out, struct text bytes);               /* RFC 4648 section 4, padded */

#endif
