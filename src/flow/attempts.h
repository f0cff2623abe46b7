/* Connects that found no route. The kernel tells of it before the call returns,
 * and the call may still succeed by another route: then an EVENT_OPEN of the
 * same thread and destination follows. So each waits until the thread does
 * something else, or for a moment. */
#ifndef GLASSTAP_FLOW_ATTEMPTS_H
#define GLASSTAP_FLOW_ATTEMPTS_H

#include "base/list.h"
#include "base/map.h"
#include "bpf/event.h"

struct flow;

struct attempts {
	struct map by_tid;
	struct list waiting;       /* oldest first */
};

void attempts_init(struct attempts *attempts);
void attempts_free(struct attempts *attempts);

void attempts_add(struct flow *flow, const struct event_unrouted *event);
/* The thread of `event`, which is the flow's present one, has done something. */
void attempts_settle(struct flow *flow, const struct event *event);
void attempts_expire(struct flow *flow, uint64_t now);
void attempts_flush(struct flow *flow);

#endif
