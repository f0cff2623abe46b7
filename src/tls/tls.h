/* tls: facts of flow in, the same facts out, and with them what TLS says in the
 * clear: handshakes with their certificates, and the plaintext of both
 * directions. It looks for TLS in every stream, needs no word from the program
 * which library it uses, and takes keys from wherever they come: the tag of a
 * record proves which key is its own. No I/O, no clock. */
#ifndef GLASSTAP_TLS_H
#define GLASSTAP_TLS_H

#include <stdbool.h>

#include "fact.h"

struct tls;

/* `decrypt` false (--tls=off): facts pass as they are. NULL: no memory. */
struct tls *tls_new(bool decrypt, fact_fn *on_fact, void *context);
void tls_free(struct tls *tls);

/* Takes one fact of flow and passes it on; what it means to TLS comes behind it. */
void tls_fact(struct tls *tls, const struct fact *fact);

#endif
