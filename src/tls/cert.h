/* Certificates as facts for people. The DER is of the network: each part is
 * decoded by itself, and one that makes no sense leaves out that part only. */
#ifndef GLASSTAP_TLS_CERT_H
#define GLASSTAP_TLS_CERT_H

#include <stddef.h>

#include "base/buf.h"
#include "fact.h"

/* A chain, which owns what its facts point to. All zeros is an empty one. */
struct cert_chain {
	struct fact_cert *certs;   /* the sender's own first; as they come, `count` of them */
	struct buf *texts;         /* the words of each */
	size_t count, room;
	size_t refused;            /* more than MAX_CERTS, or longer than MAX_CERT */
};

/* -EINVAL: nothing is known of it, but it has its place in the chain; -E2BIG: it
 * was refused; -ENOMEM. */
int cert_add(struct cert_chain *chain, struct text der);
void cert_free(struct cert_chain *chain); /* and empty it */

#endif
