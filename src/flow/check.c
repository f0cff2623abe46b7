#include "flow/check.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define MAX_ERRNO 4095         /* the kernel's own */

static bool check_address(const struct address *address)
{
	return address->family == 0 || address->family == AF_INET ||
	       address->family == AF_INET6;
}

static bool check_data(const struct event_data *event, size_t size)
{
	return event->captured <= EVENT_PIECE && size == sizeof(*event) + event->captured &&
	       event->captured <= event->len && event->len <= UINT64_MAX - event->offset &&
	       event->done <= event->moved && event->len <= event->moved - event->done &&
	       event->fd >= -1 && event->op < OP_COUNT && event->dir <= DIR_IN &&
	       event->gap < GAP_COUNT && check_address(&event->peer);
}

static bool check_open(const struct event_open *event)
{
	return event->kind >= OPEN_CONNECT && event->kind <= OPEN_FILE &&
	       event->error <= MAX_ERRNO && event->fd >= -1 &&
	       event->local_len <= EVENT_PATH && event->remote_len <= EVENT_PATH &&
	       check_address(&event->local) && check_address(&event->remote);
}

static bool check_close(const struct event_close *event)
{
	return event->reason <= CLOSE_GONE && event->error <= MAX_ERRNO && event->known <= 1;
}

static bool check_text(const struct event_text *event, size_t size)
{
	return event->len <= EVENT_PIECE && size == sizeof(*event) + event->len &&
	       event->kind < TEXT_KINDS;
}

/* As wait(2) tells the end of a process, not that it stopped or goes on. */
static bool check_exit(const struct event_exit *event)
{
	return event->status <= 0xffff && (event->status & 0x7f) != 0x7f;
}

static bool check_secret(const struct event_secret *event)
{
	return !event->label[SECRET_LABEL - 1] &&
	       (event->random_len == 0 || event->random_len == SECRET_RANDOM) &&
	       event->secret_len > 0 && event->secret_len <= SECRET_MAX &&
	       event->source >= SECRET_BIRTH && event->source <= SECRET_MEMORY;
}

/* What follows the struct is checked with the struct's own members, and those
 * only once it is known to be there. */
static const size_t sizes[] = {
	[EVENT_DATA] = sizeof(struct event_data),
	[EVENT_OPEN] = sizeof(struct event_open),
	[EVENT_CLOSE] = sizeof(struct event_close),
	[EVENT_EXEC] = sizeof(struct event_exec),
	[EVENT_TEXT] = sizeof(struct event_text),
	[EVENT_EXIT] = sizeof(struct event_exit),
	[EVENT_TICK] = sizeof(struct event_tick),
	[EVENT_END] = offsetof(struct event_end, lost_secrets),
	[EVENT_TOTAL] = sizeof(struct event_total),
	[EVENT_SECRET] = sizeof(struct event_secret),
};
_Static_assert(sizeof(sizes) / sizeof(sizes[0]) == EVENT_TYPE_COUNT, "a type has no size");

bool check_event(const struct event *event, size_t size)
{
	if (size < sizeof(*event) || event->size != size)
		return false;
	if (event->type == 0 || event->type >= EVENT_TYPE_COUNT || size < sizes[event->type])
		return false;
	if (event->type == EVENT_DATA)
		return check_data((const struct event_data *)event, size);
	if (event->type == EVENT_TEXT)
		return check_text((const struct event_text *)event, size);
	if (size != sizes[event->type] &&
	    !(event->type == EVENT_END && size == sizeof(struct event_end)))
		return false;
	switch (event->type) {
	case EVENT_OPEN:
		return check_open((const struct event_open *)event);
	case EVENT_CLOSE:
		return check_close((const struct event_close *)event);
	case EVENT_EXIT:
		return check_exit((const struct event_exit *)event);
	case EVENT_SECRET:
		return check_secret((const struct event_secret *)event);
	}
	return true;
}
