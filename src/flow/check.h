/* Whether an event is what the contract (bpf/event.h) allows. What is behind it
 * relies on that: sizes, enum ranges, sums that do not overflow. */
#ifndef GLASSTAP_FLOW_CHECK_H
#define GLASSTAP_FLOW_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/event.h"

bool check_event(const struct event *event, size_t size);

#endif
