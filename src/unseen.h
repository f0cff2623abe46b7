/* Says on stderr, once for each process, why TLS was met whose plaintext cannot be
 * had. */
#ifndef GLASSTAP_UNSEEN_H
#define GLASSTAP_UNSEEN_H

#include "fact.h"

#define MAX_UNSEEN_SAID 16     /* processes: more would be noise; the sums have them all */

#define MAX_LAUNCHES_KEPT 64   /* the latest: what has ended is mostly one of them */
#define MAX_LAUNCH_PATH 512

struct unseen {
	uint32_t pids[MAX_UNSEEN_SAID];
	size_t count;
	struct {
		uint32_t pid;
		char path[MAX_LAUNCH_PATH];
	} launches[MAX_LAUNCHES_KEPT];
	size_t next;               /* of launches, to be written */
};

/* `fact` is a FACT_EXEC: the program may have ended by the time it matters. */
void unseen_launch(struct unseen *unseen, const struct fact *fact);

/* `fact` is a FACT_TLS of the moment TLS_UNSEEN, of a process that is traced now. */
void unseen_say(struct unseen *unseen, const struct fact *fact);

#endif
