/* The live source: loads the kernel programs, finds the targets, drains the
 * ring. */
#ifndef GLASSTAP_LIVE_H
#define GLASSTAP_LIVE_H

#include <stdbool.h>

#include "base/failure.h"
#include "source/source.h"

struct live_options {
	const uint32_t *pids;
	size_t pid_count;
	const char *const *names;
	size_t name_count;
	bool all, follow, all_fds;
	bool sockets;              /* sockets matter, not only processes */
	uint64_t snap;             /* bytes kept of a call */
	uint64_t ring;             /* bytes of the ring, a power of two */
	bool tls;                  /* keys of TLS are wanted */
	/* Gets a line for each program or library whose TLS can be seen or cannot, from
	 * a thread of its own; NULL: none are wanted. */
	void (*say)(void *context, const char *line);
	void *say_context;
};

struct live;

/* Loads, finds the targets and attaches: from its return on nothing is missed.
 * NULL with the reason in failure. */
struct live *live_open(const struct live_options *options, struct failure *failure);
void live_free(struct live *live);

/* A process that was started to be traced, before it runs its program. */
int live_add(struct live *live, uint32_t pid, struct failure *failure);

/* What it will run, as execvp(3) takes it: probes are placed before it begins. */
void live_command(struct live *live, char **argv);

/* Says which sockets the targets have already. */
int live_scan(struct live *live, struct failure *failure);

/* What cannot be seen here, in words; NULL: nothing. */
const char *live_missing(const struct live *live);

/* Names the processes that -n found; 0: none so far. */
size_t live_found(const struct live *live);

/* How many targets live. */
size_t live_targets(const struct live *live);

/* Becomes readable when there are events and live_idle() said that nobody looks
 * by himself. */
int live_fd(const struct live *live);
void live_idle(struct live *live, bool idle);

/* Hands over what is in the ring; comes back after some thousand events even if
 * there are more. Returns how many, or what on_event returned. */
int live_drain(struct live *live, source_event_fn *on_event, void *context);

/* To be called now and then between drains: notices what ended without a word.
 * Returns the milliseconds after which to call again, -1 for no need. */
int live_tend(struct live *live, source_event_fn *on_event, void *context);

/* Detaches, drains the rest, says the totals. */
int live_end(struct live *live, source_event_fn *on_event, void *context);

#endif
