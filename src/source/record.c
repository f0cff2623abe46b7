/* Writes a recording; see gtap.h for the format. Small events gather in a
 * buffer, large ones are written from where they are.
 *
 * A write that fails latches. What the disk took of a record that did not fit
 * is cut off again, so that the file ends with a whole one. */
#include "source/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/checksum.h"
#include "source/gtap.h"

#define RECORD_BUFFER (256u << 10)
#define RECORD_DIRECT (16u << 10)      /* from here on, copying costs more than a system call */

struct record {
	char *path;
	int fd;
	bool stdout_used;
	int error;                 /* latched, negative */
	uint64_t events;           /* handed in */
	uint64_t written;          /* of those, whole in the file when a write failed */
	size_t head_len;           /* of the file's head, while that is in the buffer */
	size_t len;                /* bytes in the buffer: whole records, after the head */
	size_t buffered;           /* records in the buffer */
	char buffer[RECORD_BUFFER];
};

static const char zeros[8];

static int wait_writable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	return poll(&poll_fd, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

/* Writes all of it, or returns an error; *done is how much got out either way. */
static int write_all(int fd, struct iovec *parts, int count, size_t *done)
{
	*done = 0;
	while (count) {
		ssize_t len;

		if (parts->iov_len == 0) {
			parts++;
			count--;
			continue;
		}
		len = writev(fd, parts, count);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (wait_writable(fd))
				return -EIO;
			continue;
		}
		if (len < 0)
			return -errno;
		*done += (size_t)len;
		while (count && (size_t)len >= parts->iov_len) {
			len -= (ssize_t)parts->iov_len;
			parts++;
			count--;
		}
		if (count) {
			parts->iov_base = (char *)parts->iov_base + len;
			parts->iov_len -= (size_t)len;
		}
	}
	return 0;
}

/* Of `done` bytes that got out of the buffer, those of a record that did not
 * get out whole. Counts the whole ones. */
static size_t part_of_record(struct record *record, size_t done)
{
	size_t at = record->head_len;

	if (done < at)
		return done;
	while (at < record->len) {
		struct gtap_record head;
		size_t len;

		memcpy(&head, record->buffer + at, sizeof(head));
		len = sizeof(head) + gtap_padded(head.size);
		if (done - at < len)
			break;
		at += len;
		record->written++;
	}
	return done - at;
}

/* Where it is a plain file that nobody else has made longer meanwhile. */
static void cut_back(int fd, size_t len)
{
	struct stat stat;
	off_t place = lseek(fd, 0, SEEK_CUR);

	if (len == 0 || place < (off_t)len || fstat(fd, &stat) || !S_ISREG(stat.st_mode) ||
	    stat.st_size != place)
		return;
	if (ftruncate(fd, place - (off_t)len) == 0)
		lseek(fd, place - (off_t)len, SEEK_SET);
}

/* Writes the buffer, then the parts of one event, if any. */
static int write_out(struct record *record, const struct iovec *event, int event_parts)
{
	struct iovec parts[4] = { { record->buffer, record->len } };
	size_t done;

	for (int i = 0; i < event_parts; i++)
		parts[1 + i] = event[i];
	record->error = write_all(record->fd, parts, 1 + event_parts, &done);
	if (record->error)
		cut_back(record->fd, part_of_record(record, done));
	else
		record->written += record->buffered;
	record->len = record->head_len = record->buffered = 0;
	return record->error;
}

static void put(struct record *record, const void *data, size_t len)
{
	memcpy(record->buffer + record->len, data, len);
	record->len += len;
}

static void put_head(struct record *record, const struct source_info *info)
{
	struct gtap_head head = {
		.order = GTAP_ORDER, .format = GTAP_FORMAT, .events = EVENT_VERSION,
	};
	char *text = record->buffer + sizeof(head);

	memcpy(head.magic, GTAP_MAGIC, sizeof(head.magic));
	head.info_len = (uint32_t)gtap_write_info(info, text);
	head.checksum = gtap_head_sum(&head, text);
	memcpy(record->buffer, &head, sizeof(head));
	record->head_len = record->len = sizeof(head) + head.info_len;
}

static int open_file(struct record *record, const char *path, struct failure *failure)
{
	struct stat status;

	record->stdout_used = strcmp(path, "-") == 0;
	record->path = strdup(record->stdout_used ? "stdout" : path);
	if (!record->path)
		return failure_set(failure, -ENOMEM, "no memory for a recording");
	if (record->stdout_used) {
		record->fd = STDOUT_FILENO;
		if (isatty(record->fd))
			return failure_set(failure, -EINVAL, "cannot write a recording to the "
					   "terminal: give it a file's name, or redirect stdout");
		return 0;
	}
	record->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	if (record->fd < 0)
		return failure_set(failure, -errno, "cannot create '%s': %s", path,
				   strerror(errno));
	/* It holds keys, and may have been there, for all to read. */
	if (!fstat(record->fd, &status) && S_ISREG(status.st_mode) && fchmod(record->fd, 0600))
		return failure_set(failure, -errno, "cannot keep '%s' for its owner alone: %s", path,
				   strerror(errno));
	return 0;
}

static void record_free(struct record *record)
{
	if (record->fd >= 0 && !record->stdout_used)
		close(record->fd);
	free(record->path);
	free(record);
}

struct record *record_open(const char *path, const struct source_info *info,
			   struct failure *failure)
{
	struct record *record = malloc(sizeof(*record));

	if (!record) {
		failure_set(failure, -ENOMEM, "no memory for a recording");
		return NULL;
	}
	memset(record, 0, offsetof(struct record, buffer));
	record->fd = -1;
	if (open_file(record, path, failure)) {
		record_free(record);
		return NULL;
	}
	put_head(record, info);
	return record;
}

static int event_direct(struct record *record, const struct gtap_record *head,
			const struct event *event)
{
	struct iovec parts[3] = {
		{ (void *)head, sizeof(*head) },
		{ (void *)event, head->size },
		{ (void *)zeros, gtap_padded(head->size) - head->size },
	};
	int error = write_out(record, parts, 3);

	if (!error)
		record->written++;
	return error;
}

int record_event(struct record *record, const struct event *event, size_t size)
{
	struct gtap_record head = { .size = (uint32_t)size };

	if (record->error)
		return record->error;
	if (size < sizeof(*event) || size > GTAP_MAX_EVENT || event->size != size)
		return -EINVAL;
	head.checksum = checksum(record->events++, event, size);
	if (size >= RECORD_DIRECT)
		return event_direct(record, &head, event);
	if (sizeof(head) + gtap_padded(size) > RECORD_BUFFER - record->len &&
	    record_flush(record))
		return record->error;
	put(record, &head, sizeof(head));
	put(record, event, size);
	put(record, zeros, gtap_padded(size) - size);
	record->buffered++;
	return 0;
}

int record_flush(struct record *record)
{
	if (!record->error && record->len)
		write_out(record, NULL, 0);
	return record->error;
}

int record_close(struct record *record, struct failure *failure)
{
	int error;

	if (!record)
		return 0;
	error = record_flush(record);
	if (!record->stdout_used) {
		if (close(record->fd) && errno != EINTR && !error)
			error = -errno;
		record->fd = -1;
	}
	if (error)
		failure_set(failure, error, "cannot write to '%s': %s; it holds the first %" PRIu64
			    " of %" PRIu64 " events", record->path, strerror(-error),
			    record->written, record->events);
	record_free(record);
	return error;
}
