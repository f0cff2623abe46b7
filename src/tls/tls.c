#include "tls/tls.h"

#include <stdlib.h>

struct tls {
	bool decrypt;
	fact_fn *on_fact;
	void *context;
};

struct tls *tls_new(bool decrypt, fact_fn *on_fact, void *context)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (tls)
		*tls = (struct tls){ .decrypt = decrypt, .on_fact = on_fact, .context = context };
	return tls;
}

void tls_free(struct tls *tls)
{
	free(tls);
}

void tls_fact(struct tls *tls, const struct fact *fact)
{
	tls->on_fact(tls->context, fact);
}
