/* How many processes were seen. */
#ifndef GLASSTAP_FLOW_PROCESSES_H
#define GLASSTAP_FLOW_PROCESSES_H

#include <stdint.h>

#include "base/map.h"

struct processes {
	struct map alive;          /* by pid; the values say nothing */
	uint32_t last;             /* most events are of the process of the one before */
	uint64_t seen;
};

void processes_init(struct processes *processes);
void processes_free(struct processes *processes);
void processes_saw(struct processes *processes, uint32_t pid);
void processes_ended(struct processes *processes, uint32_t pid);       /* its pid may return */

#endif
