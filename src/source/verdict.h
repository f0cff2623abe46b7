/* What can be seen of the TLS of a process, or of a command that is not run yet:
 * the files that it executes, and what discover() says of each. Attaches nothing. */
#ifndef GLASSTAP_VERDICT_H
#define GLASSTAP_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/failure.h"
#include "source/discover.h"

struct verdict_file {
	char *path;
	bool program;              /* else a library */
	struct discovery discovery;
};

struct verdict {
	struct verdict_file *files; /* the programs, and the libraries that know TLS */
	size_t count;
};

/* Both return 0 or a negative errno with a failure. */
int verdict_process(struct verdict *verdict, uint32_t pid, struct failure *failure);
int verdict_command(struct verdict *verdict, char **argv, struct failure *failure);
void verdict_free(struct verdict *verdict);

/* Is there anything of TLS in it, and can all of it be seen? */
bool verdict_knows_tls(const struct verdict *verdict);
bool verdict_complete(const struct verdict *verdict);

/* Why keys of the process's TLS are missing, in one line: for a trace that has met
 * application data without them. `program`, or NULL: the file that it ran, for a
 * process that has ended. */
void verdict_why(uint32_t pid, const char *program, char *line, size_t room);

#endif
