/* Launches: an EVENT_EXEC and the pieces of its texts, put together. */
#ifndef GLASSTAP_FLOW_EXECS_H
#define GLASSTAP_FLOW_EXECS_H

#include "base/list.h"
#include "base/map.h"
#include "bpf/event.h"

struct flow;

struct execs {
	struct map by_tid;
	struct list waiting;       /* oldest first */
	size_t held;               /* bytes of their texts */
};

void execs_init(struct execs *execs);
void execs_free(struct execs *execs);

void execs_begin(struct flow *flow, const struct event_exec *event);
/* -EINVAL: more than the EVENT_EXEC said. */
int execs_text(struct flow *flow, const struct event_text *event);
/* The thread does something else: what there is of its launch is all. */
void execs_settle(struct flow *flow, uint32_t tid);
/* Nothing older than `now` is still to come. */
void execs_expire(struct flow *flow, uint64_t now);
void execs_flush(struct flow *flow);

#endif
