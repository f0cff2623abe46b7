/* What the parts of flow share. Each part takes events that have been checked,
 * and keeps its own state in its own struct. */
#ifndef GLASSTAP_FLOW_STATE_H
#define GLASSTAP_FLOW_STATE_H

#include "flow/conns.h"
#include "flow/execs.h"
#include "flow/flow.h"
#include "flow/holes.h"
#include "flow/processes.h"

struct flow {
	fact_fn *on_fact;
	void *context;
	struct event head;         /* of the event at hand; comm ends in NUL */
	struct fact_summary sum;
	struct conns conns;
	struct execs execs;
	struct holes holes;
	struct processes processes;
	struct address peer;       /* the last datagram's, and its text: they repeat */
	char peer_text[ADDRESS_ROOM];
	size_t peer_len;
};

/* A fact of that moment and thread, to be filled and emitted. `head` stays the
 * caller's until then. */
struct fact fact_of(enum fact_type type, const struct event *head, const struct conn *conn);
/* The same, where the connection's owner stands for a process that is not known:
 * the kernel closes many on nobody's behalf. */
struct fact fact_of_owner(enum fact_type type, const struct event *head, const struct conn *conn);
void flow_emit(struct flow *flow, const struct fact *fact);

/* From one moment to another; -1 if one is not known, or they are the wrong way
 * around. */
int64_t flow_elapsed(uint64_t from, uint64_t to);

/* stream.c: bytes */
void stream_data(struct flow *flow, const struct event_data *event);
void stream_total(struct flow *flow, const struct event_total *event);
/* Says that a stream had come so far, at its end or the trace's: what is missing
 * up to there moved unseen. */
void stream_ends(struct flow *flow, struct conn_entry *entry, int dir, uint64_t bytes);
/* Says what was refused beyond what has been said. */
void stream_lost(struct flow *flow, struct conn_entry *entry, int dir, uint64_t bytes,
		 uint64_t events);

/* life.c: connections come and go */
void life_open(struct flow *flow, const struct event_open *event);
void life_close(struct flow *flow, const struct event_close *event);

#endif
