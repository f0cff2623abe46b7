/* The views: which facts each shows. Losses and the sums belong to all. */
#include "fact.h"
#include "opts.h"

#define SHOW(fact) (1u << FACT_##fact)
#define ALWAYS (SHOW(LOSS) | SHOW(SUMMARY))

const struct view views[] = {
	{ "trace", "connections, TLS handshakes and launches (default)",
	  SHOW(OPEN) | SHOW(CLOSE) | SHOW(EXEC) | SHOW(EXIT) | SHOW(TLS) | ALWAYS },
	{ "io", "every read and write on a socket, with its data", SHOW(IO) | ALWAYS },
	{ "net", "connections: who opened them, how they went", SHOW(OPEN) | SHOW(CLOSE) | ALWAYS },
	{ "tls", "TLS handshakes, and the plaintext of both directions",
	  SHOW(TLS) | SHOW(PLAINTEXT) | ALWAYS },
	{ "exec", "program launches and ends", SHOW(EXEC) | SHOW(EXIT) | ALWAYS },
	{ "doctor", "what TLS of a target can be seen; exits 1 if not all", 0 },
	{ 0 }
};
