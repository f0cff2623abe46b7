/* The views: which facts each shows. Losses and the sums belong to all. */
#include "fact.h"
#include "opts.h"

#define SHOW(fact) (1u << FACT_##fact)
#define ALWAYS (SHOW(LOSS) | SHOW(SUMMARY))

const struct view views[] = {
	{ "trace", "connections and launches (default)",
	  SHOW(OPEN) | SHOW(CLOSE) | SHOW(EXEC) | SHOW(EXIT) | ALWAYS },
	{ "io", "every read and write on a socket, with its data", SHOW(IO) | ALWAYS },
	{ "net", "connections: who opened them, how they went", SHOW(OPEN) | SHOW(CLOSE) | ALWAYS },
	{ "exec", "program launches and ends", SHOW(EXEC) | SHOW(EXIT) | ALWAYS },
	{ "doctor", "what TLS of a target can be seen; exits 1 if not all", 0 },
	{ 0 }
};
