/* Watches over the connections that were announced: which of them are gone
 * without an EVENT_CLOSE, and what was refused of them and never said. */
#ifndef GLASSTAP_WATCH_H
#define GLASSTAP_WATCH_H

#include <stdbool.h>

#include "bpf/shared.h"
#include "source/source.h"

struct watch;

struct watch *watch_new(int refused_map);
void watch_free(struct watch *watch);

void watch_event(struct watch *watch, const struct event *event);

/* Is there anything that can end without a word? `lost_closes`: EVENT_CLOSEs
 * that found no room so far. */
bool watch_needed(const struct watch *watch, uint64_t lost_closes);

/* A sweep: what lives is told, the rest is gone. */
void watch_begin(struct watch *watch);
void watch_rows(struct watch *watch, const struct sweep_row *rows, size_t count);
int watch_end(struct watch *watch, uint64_t now, source_event_fn *on_event, void *context);

/* After the last sweep: an EVENT_TOTAL for everything of which something is not
 * said so far. */
int watch_totals(struct watch *watch, uint64_t now, source_event_fn *on_event, void *context);

#endif
