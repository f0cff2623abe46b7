/* The table of connections: bounded, the one not used for longest goes first.
 * Closed ones stay for a while in a short queue, since bytes may come after the
 * close (a read of what had arrived before a reset). */
#ifndef GLASSTAP_FLOW_CONNS_H
#define GLASSTAP_FLOW_CONNS_H

#include "base/list.h"
#include "base/map.h"
#include "flow/address.h"
#include "flow/flow.h"
#include "flow/names.h"
#include "limits.h"

struct conn_entry {
	struct conn conn;          /* what others see; its texts point to those below */
	struct list list;          /* live: most recently used first. closed: oldest first */
	bool opened;               /* a FACT_OPEN has told of it */
	bool begun[2];             /* where that stream began is known */
	char transport[TRANSPORT_ROOM];
	char local[ADDRESS_ROOM], remote[ADDRESS_ROOM];
};

struct conns {
	struct map by_id;          /* live and closed */
	struct list live, closed;
	size_t live_count, closed_count;
	uint64_t seen, evicted;
	struct conn_entry spare;   /* for those that are not kept */
};

void conns_init(struct conns *conns);
void conns_free(struct conns *conns);

struct conn_entry *conns_find(struct conns *conns, uint64_t id);       /* NULL: not known */

/* A new one, which conns_find does not know yet. Without memory it is the
 * spare one, counted as evicted: valid until the next event. */
struct conn_entry *conns_add(struct conns *conns, uint64_t id);

/* One with a number of its own that is not kept: valid until the next event. */
struct conn_entry *conns_passing(struct conns *conns, uint64_t id);

/* A copy that may be changed: valid until the next event. The original stays as
 * it is. */
struct conn_entry *conns_copy(struct conns *conns, const struct conn_entry *entry);

/* Marks it as closed; it is still found for a while. */
void conns_close(struct conns *conns, struct conn_entry *entry);

/* Adds what the event knows; what it does not know stays. */
void conn_describe(struct conn_entry *entry, const struct event_open *event);

#endif
