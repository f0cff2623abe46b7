#include "flow/conns.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

void conns_init(struct conns *conns)
{
	*conns = (struct conns){ 0 };
	map_init(&conns->by_id, MAX_CONNS + MAX_CLOSED);
	list_init(&conns->live);
	list_init(&conns->closed);
}

static struct conn_entry *entry_of(struct list *link)
{
	return LIST_ITEM(link, struct conn_entry, list);
}

void conns_free(struct conns *conns)
{
	size_t place = 0;
	void *entry;

	while ((entry = map_next(&conns->by_id, &place)))
		free(entry);
	map_free(&conns->by_id);
}

struct conn_entry *conns_find(struct conns *conns, uint64_t id)
{
	struct conn_entry *entry = entry_of(conns->live.next);

	if (!list_empty(&conns->live) && entry->conn.id == id)
		return entry;          /* the same as last time */
	entry = map_get(&conns->by_id, id);
	if (entry && !entry->conn.closed) {
		list_remove(&entry->list);
		list_add_front(&conns->live, &entry->list);
	}
	return entry;
}

static void entry_start(struct conns *conns, struct conn_entry *entry, uint64_t id)
{
	*entry = (struct conn_entry){
		.conn = { .id = id, .number = ++conns->seen, .fd = -1 },
	};
}

/* Takes an entry out of the table, for another use or to be freed. */
static struct conn_entry *take(struct conns *conns, struct list *link, size_t *count)
{
	struct conn_entry *entry = entry_of(link);

	map_remove(&conns->by_id, entry->conn.id);
	list_remove(&entry->list);
	(*count)--;
	return entry;
}

struct conn_entry *conns_add(struct conns *conns, uint64_t id)
{
	struct conn_entry *entry;

	if (conns->live_count >= MAX_CONNS) {
		entry = take(conns, conns->live.prev, &conns->live_count);
		conns->evicted++;
	} else {
		entry = malloc(sizeof(*entry));
	}
	if (!entry || map_put(&conns->by_id, id, entry)) {
		free(entry);
		conns->evicted++;
		return conns_passing(conns, id);
	}
	entry_start(conns, entry, id);
	list_add_front(&conns->live, &entry->list);
	conns->live_count++;
	return entry;
}

struct conn_entry *conns_passing(struct conns *conns, uint64_t id)
{
	entry_start(conns, &conns->spare, id);
	list_init(&conns->spare.list);
	return &conns->spare;
}

struct conn_entry *conns_copy(struct conns *conns, const struct conn_entry *entry)
{
	conns->spare = *entry;
	list_init(&conns->spare.list);
	return &conns->spare;
}

void conns_close(struct conns *conns, struct conn_entry *entry)
{
	entry->conn.closed = true;
	if (entry == &conns->spare)
		return;
	list_remove(&entry->list);
	conns->live_count--;
	if (conns->closed_count >= MAX_CLOSED)
		free(take(conns, conns->closed.next, &conns->closed_count));
	list_add_back(&conns->closed, &entry->list);
	conns->closed_count++;
}

static void set_text(struct text *text, const char *room, size_t len)
{
	if (len)
		*text = (struct text){ room, len };
}

static size_t name_of(const struct event_open *event, const char *path, size_t len,
		      char room[ADDRESS_ROOM])
{
	if (event->family == AF_UNIX)
		return address_unix(path, len, room);
	while (len && path[len - 1] == '\0')
		len--;
	memcpy(room, path, len);
	return len;
}

/* Each side is written aside first: an unknown one must not touch what the
 * entry shows already. */
static void describe_side(struct text *shown, char *kept, const struct event_open *event,
			  const struct address *address, const char *path, size_t path_len)
{
	char room[ADDRESS_ROOM];
	size_t len = address_text(address, room);

	if (!len)
		len = name_of(event, path, path_len, room);
	memcpy(kept, room, len);
	set_text(shown, kept, len);
}

static bool is_terminal(struct text path)
{
	return (path.len > 9 && memcmp(path.data, "/dev/pts/", 9) == 0) ||
	       (path.len >= 8 && memcmp(path.data, "/dev/tty", 8) == 0);
}

static void describe_kind(struct conn_entry *entry, const struct event_open *event)
{
	struct conn *conn = &entry->conn;

	/* That it was there before says nothing new of one that is known. */
	if (!entry->opened || event->kind != OPEN_EXISTING)
		conn->kind = event->kind;
	if (event->family || event->type) {
		conn->family = event->family;
		conn->type = event->type;
		conn->protocol = event->protocol;
	}
	conn->transport = name_transport(conn->family, conn->type, conn->protocol,
					 entry->transport);
	if (conn->family == 0 && (conn->type & S_IFMT) == S_IFCHR && is_terminal(conn->local))
		conn->transport = "terminal";
	if (conn->family == AF_NETLINK && conn->remote.len == 0)
		set_text(&conn->remote, entry->remote,
			 name_netlink(conn->protocol, entry->remote));
}

/* A stream without a port is not from anywhere yet: its connect has failed. */
static const struct address *local_of(const struct event_open *event)
{
	static const struct address none;

	return event->type == SOCK_STREAM && event->local.port == 0 ? &none : &event->local;
}

void conn_describe(struct conn_entry *entry, const struct event_open *event)
{
	struct conn *conn = &entry->conn;

	if (event->head.pid) {
		conn->pid = event->head.pid;
		memcpy(conn->comm, event->head.comm, EVENT_COMM - 1);
	}
	if (event->fd >= 0)
		conn->fd = event->fd;
	if (event->inode)
		conn->inode = event->inode;
	if (event->netns)
		conn->netns = event->netns;
	if (event->peer_inode)
		conn->peer_inode = event->peer_inode;
	if (event->peer_pid)
		conn->peer_pid = event->peer_pid;
	if (event->since)
		conn->since = event->since;
	describe_side(&conn->local, entry->local, event, local_of(event), event->local_path,
		      event->local_len);
	describe_side(&conn->remote, entry->remote, event, &event->remote, event->remote_path,
		      event->remote_len);
	describe_kind(entry, event);
}
