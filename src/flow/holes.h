/* Bytes that moved and that no event told: an offset ahead of what was seen,
 * with nothing lost. Mostly another thread's event that is still to come, and
 * fills it; if it is not filled soon, the bytes took a way that no hook sees
 * (splice, a receive without a copy, another process), and that is said at their
 * place. */
#ifndef GLASSTAP_FLOW_HOLES_H
#define GLASSTAP_FLOW_HOLES_H

#include "base/list.h"
#include "flow/conns.h"

struct flow;

struct holes {
	struct list list;          /* oldest first */
	size_t count;
};

void holes_init(struct holes *holes);
void holes_free(struct holes *holes);

void holes_open(struct flow *flow, const struct conn_entry *entry, int dir, uint64_t offset,
		uint64_t len);
/* `len` bytes came late, or were refused. Returns how many of them a hole had
 * stood for, and where; 0: none. */
uint64_t holes_fill(struct flow *flow, const struct conn_entry *entry, int dir, uint64_t len,
		    uint64_t *offset);

void holes_expire(struct flow *flow);                  /* by the time of the event at hand */
void holes_settle(struct flow *flow, const struct conn_entry *entry); /* those of one */
void holes_flush(struct flow *flow);

#endif
