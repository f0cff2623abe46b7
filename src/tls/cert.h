/* Certificates as facts for people. The DER is of the network: each part is
 * decoded by itself, and one that makes no sense leaves out that part only. */
#ifndef GLASSTAP_TLS_CERT_H
#define GLASSTAP_TLS_CERT_H

#include <stddef.h>

#include "fact.h"

/* A chain, which owns what its facts point to. All zeros is an empty one. */
struct cert_chain {
	struct fact_cert *certs;   /* the sender's own first */
	char **texts;
	size_t count;
	size_t refused;            /* more than MAX_CERTS, or longer than MAX_CERT */
};

/* -EINVAL: this is no certificate, nothing is known of it, but it is in the chain
 * as one without words; -E2BIG: refused; -ENOMEM. */
int cert_add(struct cert_chain *chain, struct text der);
void cert_free(struct cert_chain *chain); /* and empty it */

#endif
