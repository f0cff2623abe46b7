/* Where events end: the recording, and by way of flow the text and JSON outputs. */
#ifndef GLASSTAP_SINK_H
#define GLASSTAP_SINK_H

#include "base/failure.h"
#include "fact.h"
#include "opts.h"
#include "source/source.h"

struct sink;

/* The facts that the outputs show, as bits; of these, those that take keys. */
unsigned sink_wants(const struct options *options);
#define SINK_TLS (1u << FACT_TLS | 1u << FACT_PLAINTEXT | 1u << FACT_SECRET)

struct sink *sink_open(const struct options *options, const struct source_info *info,
		       struct failure *failure);

/* A source_event_fn; its context is the sink. Not 0: an output has failed. */
int sink_event(void *sink, const struct event *event, size_t size);
int sink_flush(struct sink *sink);

/* From now on an output that does not take anything is given up after a while;
 * before, it is waited for as long as `interrupt` (a descriptor) has nothing to
 * read. */
void sink_hurry(struct sink *sink);
void sink_interrupt(struct sink *sink, int descriptor);

/* Writes the rest and frees. 0, or the first error, with its text unless it is
 * -EPIPE: the reader of stdout has gone, which is no failure of ours. */
int sink_close(struct sink *sink, struct failure *failure);

#endif
