/* source: where events come from, live or from a recording. */
#ifndef GLASSTAP_SOURCE_H
#define GLASSTAP_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"

/* Gets each event once, in order, with `size` == event->size bytes readable. A
 * return other than 0 stops the source, which returns it. */
typedef int source_event_fn(void *context, const struct event *event, size_t size);

/* What a trace says of itself; written at the head of a recording. Strings may
 * hold any byte but NUL. */
struct source_info {
	uint64_t clock_offset;     /* realtime - boottime, ns */
	uint64_t began;            /* CLOCK_BOOTTIME ns */
	int64_t zone_offset;       /* seconds east of UTC */
	char version[32];          /* glasstap's */
	char kernel[192];          /* uname -r and -v */
	char machine[68];          /* uname -m */
	char host[256];
	char command[4096];        /* glasstap's command line */
};

#endif
