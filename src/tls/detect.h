/* Where TLS begins: what the first bytes of a piece look like. */
#ifndef GLASSTAP_TLS_DETECT_H
#define GLASSTAP_TLS_DETECT_H

#include <stdbool.h>

#include "fact.h"

enum detected {
	DETECT_NOTHING,
	DETECT_CLIENT,             /* a client's hello, as far as the bytes go */
	DETECT_SERVER,             /* a server's */
	DETECT_DATA,               /* records of application data */
	DETECT_DTLS
};

/* `skip`: bytes of a proxy's header that stand before it. */
enum detected detect(const struct fact *fact, size_t *skip);

/* Whether a record may begin here, in a direction in which the other side's hello
 * says that one should. */
bool detect_record(struct text bytes, bool of_server);

#endif
