/* flow: events in, facts out. Knows processes and sockets, keeps for each
 * connection how far its two streams have come, and says where bytes are
 * missing. It does no I/O and reads no clock: time comes with the events. */
#ifndef GLASSTAP_FLOW_H
#define GLASSTAP_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"
#include "fact.h"

struct flow *flow_new(fact_fn *on_fact, void *context);   /* NULL: no memory */
void flow_free(struct flow *flow);

/* Takes one event of any content. 0, or -EINVAL for one that makes no sense
 * (counted and otherwise ignored). */
int flow_event(struct flow *flow, const struct event *event, size_t size);

#endif
