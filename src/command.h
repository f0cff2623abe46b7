/* The command behind `--`: started stopped, let go when everything is attached. */
#ifndef GLASSTAP_COMMAND_H
#define GLASSTAP_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/failure.h"

struct command {
	pid_t pid;                 /* 0: none */
	int go, gone;              /* pipes: it may run; its program has begun, or it ended */
	int *error;                /* shared with the child: why it could not run */
	bool ended;
	int status;                /* as wait(2) has it */
};

/* Forks; the child waits. */
int command_start(struct command *command, char **argv, struct failure *failure);

/* Lets it run its program. A program that cannot be run: -ENOENT and so on, and
 * the child has ended. */
int command_go(struct command *command, char **argv, struct failure *failure);

void command_signal(struct command *command, int signal);
bool command_reap(struct command *command, bool wait);         /* true: it has ended */

/* What a shell would say: its own status, or 128 and the signal. */
int command_exit_status(const struct command *command);

/* Ends a child that was not let go. */
void command_cancel(struct command *command);

#endif
