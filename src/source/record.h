/* Recordings: FILE.gtap. See record.c for the format. */
#ifndef GLASSTAP_RECORD_H
#define GLASSTAP_RECORD_H

#include "base/failure.h"
#include "source/source.h"

struct record;

/* Creates the file (mode 0600: it holds other people's data). "-" is stdout. */
struct record *record_open(const char *path, const struct source_info *info,
			   struct failure *failure);
/* A write that fails latches: it is what this and the others return from then
 * on. The file keeps the whole events that it has. */
int record_event(struct record *record, const struct event *event, size_t size);
int record_flush(struct record *record);               /* what is buffered reaches the file */
int record_close(struct record *record, struct failure *failure); /* frees in any case */

struct replay;

struct replay *replay_open(const char *path, struct failure *failure);
const struct source_info *replay_info(const struct replay *replay);

/* Hands over every whole event. 0 at a proper end (the last was EVENT_END);
 * -ENODATA if the file ends before, -EBADMSG if it is corrupt from some place
 * on, with the place and what was read in failure; in both cases everything
 * before has been handed over. After on_event has stopped it, or -EINTR (a
 * signal came while it waited for a pipe), another call goes on from there. */
int replay_run(struct replay *replay, source_event_fn *on_event, void *context,
	       struct failure *failure);
void replay_free(struct replay *replay);

#endif
