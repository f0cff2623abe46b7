/* Reads a recording; see gtap.h for the format. The file is read in large pieces
 * and events are handed over from there: every record is a multiple of 8 bytes
 * long and what is left of a piece moves to the front of the buffer, so each
 * event is aligned. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "source/gtap.h"
#include "source/record.h"

#define REPLAY_BUFFER (256u << 10)     /* several of the largest records */

_Static_assert(REPLAY_BUFFER >= 2 * GTAP_MAX_EVENT && REPLAY_BUFFER > 2 * GTAP_MAX_INFO, "room");

struct replay {
	char *path;
	int fd;
	struct source_info info;
	size_t from, to;           /* what of the buffer is read and not yet used */
	uint64_t place;            /* in the file, of `from` */
	uint64_t events;           /* handed over */
	bool ended;                /* the last was EVENT_END */
	_Alignas(8) char buffer[REPLAY_BUFFER];
};

/* Has at least `len` bytes at `from`. 1, 0 at the end of the file, or an error. */
static int fill(struct replay *replay, size_t len)
{
	if (replay->to - replay->from >= len)
		return 1;
	memmove(replay->buffer, replay->buffer + replay->from, replay->to - replay->from);
	replay->to -= replay->from;
	replay->from = 0;
	while (replay->to < len) {
		ssize_t got = read(replay->fd, replay->buffer + replay->to,
				   sizeof(replay->buffer) - replay->to);

		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		replay->to += (size_t)got;
	}
	return 1;
}

static void use(struct replay *replay, size_t len)
{
	replay->from += len;
	replay->place += len;
}

static int unreadable(struct replay *replay, int error, struct failure *failure)
{
	return failure_set(failure, error, "cannot read '%s': %s", replay->path,
			   strerror(-error));
}

static int check_magic(struct replay *replay, const struct gtap_head *head, size_t len,
		       struct failure *failure)
{
	static const char magic[] = GTAP_MAGIC;
	size_t same = 0;

	if (len == 0)
		return failure_set(failure, -ENODATA, "cannot read '%s': it is empty",
				   replay->path);
	while (same < len && same < sizeof(head->magic) && head->magic[same] == magic[same])
		same++;
	if (same == sizeof(head->magic) || same == len)
		return 0;
	if (same >= 4)
		return failure_set(failure, -EBADMSG, "cannot read '%s': a transfer in text mode "
				   "has damaged it; copy it again as binary", replay->path);
	return failure_set(failure, -EBADMSG, "cannot read '%s': it is not a glasstap recording",
			   replay->path);
}

static int check_versions(struct replay *replay, const struct gtap_head *head,
			  struct failure *failure)
{
	if (head->order == GTAP_ORDER_OTHER)
		return failure_set(failure, -EBADMSG, "cannot read '%s': it was recorded on a "
				   "machine of the other byte order; show it on such a machine",
				   replay->path);
	if (head->order != GTAP_ORDER || head->info_len > GTAP_MAX_INFO || head->info_len % 8)
		return failure_set(failure, -EBADMSG, "cannot read '%s': its head is damaged",
				   replay->path);
	if (head->format != GTAP_FORMAT || head->events != EVENT_VERSION)
		return failure_set(failure, -EBADMSG, "cannot read '%s': it is of version %u.%u, "
				   "and this glasstap reads %u.%u; show it with the version that "
				   "recorded it", replay->path, head->format, head->events,
				   GTAP_FORMAT, EVENT_VERSION);
	return 0;
}

static int read_head(struct replay *replay, struct failure *failure)
{
	struct gtap_head head = { 0 };
	int got = fill(replay, sizeof(head)), error;
	const char *info;

	if (got < 0)
		return unreadable(replay, got, failure);
	memcpy(&head, replay->buffer, replay->to < sizeof(head) ? replay->to : sizeof(head));
	error = check_magic(replay, &head, replay->to, failure);
	if (!error && got)
		error = check_versions(replay, &head, failure);
	if (error)
		return error;
	if (got)
		got = fill(replay, sizeof(head) + head.info_len);
	if (got < 0)
		return unreadable(replay, got, failure);
	if (!got)
		return failure_set(failure, -ENODATA, "cannot read '%s': it ends in its head, "
				   "before the first event", replay->path);
	info = replay->buffer + sizeof(head);
	if (head.checksum != gtap_head_sum(&head, info) ||
	    gtap_read_info(&replay->info, info, head.info_len))
		return failure_set(failure, -EBADMSG, "cannot read '%s': its head is damaged",
				   replay->path);
	use(replay, sizeof(head) + head.info_len);
	return 0;
}

static int open_file(struct replay *replay, const char *path, struct failure *failure)
{
	bool stdin_used = strcmp(path, "-") == 0;

	replay->path = strdup(stdin_used ? "stdin" : path);
	if (!replay->path)
		return failure_set(failure, -ENOMEM, "no memory for a recording");
	replay->fd = stdin_used ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) :
				  open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (replay->fd < 0)
		return failure_set(failure, -errno, "cannot open '%s': %s", replay->path,
				   strerror(errno));
	if (isatty(replay->fd))
		return failure_set(failure, -EINVAL, "cannot read '%s': it is a terminal; name a "
				   "recording, or redirect one to it", replay->path);
	return 0;
}

struct replay *replay_open(const char *path, struct failure *failure)
{
	struct replay *replay = malloc(sizeof(*replay));

	if (!replay) {
		failure_set(failure, -ENOMEM, "no memory for a recording");
		return NULL;
	}
	memset(replay, 0, offsetof(struct replay, buffer));
	replay->fd = -1;
	if (open_file(replay, path, failure) || read_head(replay, failure)) {
		replay_free(replay);
		return NULL;
	}
	return replay;
}

const struct source_info *replay_info(const struct replay *replay)
{
	return &replay->info;
}

static int damaged(struct replay *replay, struct failure *failure)
{
	return failure_set(failure, -EBADMSG, "'%s' is damaged at event %" PRIu64 " (byte %" PRIu64
			   "); everything before it was shown", replay->path,
			   replay->events + 1, replay->place);
}

static int at_end(struct replay *replay, struct failure *failure)
{
	if (replay->to > replay->from)
		return failure_set(failure, -ENODATA, "'%s' ends in the middle of event %" PRIu64
				   " (byte %" PRIu64 "); everything before it was shown",
				   replay->path, replay->events + 1,
				   replay->place + replay->to - replay->from);
	if (!replay->ended)
		return failure_set(failure, -ENODATA, "'%s' stops after event %" PRIu64 " (byte %"
				   PRIu64 "), before the end of the trace; everything up to there "
				   "was shown", replay->path, replay->events, replay->place);
	return 0;
}

static bool good(const struct replay *replay, const struct gtap_record *head,
		 const struct event *event)
{
	const char *padding = (const char *)event + head->size;
	size_t padding_len = gtap_padded(head->size) - head->size;

	return checksum(replay->events, event, head->size) == head->checksum &&
	       event->size == head->size && memcmp(padding, "\0\0\0\0\0\0\0", padding_len) == 0;
}

/* The next event, which is used up with that: 1, 0 at the end of the file, or an
 * error. */
static int next(struct replay *replay, const struct event **found, struct failure *failure)
{
	struct gtap_record head;
	const struct event *event;
	int got = fill(replay, sizeof(head));

	if (got <= 0)
		return got < 0 ? unreadable(replay, got, failure) : 0;
	memcpy(&head, replay->buffer + replay->from, sizeof(head));
	if (head.size < sizeof(*event) || head.size > GTAP_MAX_EVENT)
		return damaged(replay, failure);
	got = fill(replay, sizeof(head) + gtap_padded(head.size));
	if (got <= 0)
		return got < 0 ? unreadable(replay, got, failure) : 0;
	event = (const struct event *)(replay->buffer + replay->from + sizeof(head));
	if (!good(replay, &head, event))
		return damaged(replay, failure);
	use(replay, sizeof(head) + gtap_padded(head.size));
	replay->events++;
	replay->ended = event->type == EVENT_END;
	*found = event;
	return 1;
}

int replay_run(struct replay *replay, source_event_fn *on_event, void *context,
	       struct failure *failure)
{
	const struct event *event = NULL;
	int got;

	while ((got = next(replay, &event, failure)) > 0) {
		int stop = on_event(context, event, event->size);

		if (stop)
			return stop;
	}
	return got ? got : at_end(replay, failure);
}

void replay_free(struct replay *replay)
{
	if (!replay)
		return;
	if (replay->fd >= 0)
		close(replay->fd);
	free(replay->path);
	free(replay);
}
