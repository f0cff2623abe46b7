/* Events of any content, one after the other, each at the next multiple of 8. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "flow/address.h"
#include "flow/flow.h"
#include "fuzz.h"

struct sums {
	uint64_t shown[2], lost[2], unplaced;
	bool ended;
};

/* Reads all of it, so that the sanitizer sees what is not there. */
static void touch(struct text text)
{
	volatile char sum = 0;

	for (size_t i = 0; i < text.len; i++)
		sum = (char)(sum + text.data[i]);
}

static void check_conn(const struct conn *conn)
{
	FUZZ_ASSERT(conn->number > 0);
	FUZZ_ASSERT(conn->kind <= OPEN_FILE);
	FUZZ_ASSERT(conn->local.len <= ADDRESS_ROOM && conn->remote.len <= ADDRESS_ROOM);
	FUZZ_ASSERT(memchr(conn->comm, '\0', sizeof(conn->comm)));
	FUZZ_ASSERT(!conn->transport || strlen(conn->transport) < 32);
	touch(conn->local);
	touch(conn->remote);
}

static void check_io(struct sums *sums, const struct fact_io *io)
{
	FUZZ_ASSERT(io->dir <= DIR_IN && io->data.len <= io->len);
	FUZZ_ASSERT((io->gap != NULL) == (io->data.len < io->len));
	FUZZ_ASSERT(io->done + io->len <= io->moved && io->peer.len <= ADDRESS_ROOM);
	touch(io->data);
	touch(io->peer);
	sums->shown[io->dir] += io->len;
}

static void check_exec(const struct fact_exec *exec)
{
	FUZZ_ASSERT(exec->argv.len <= exec->argv_len && exec->argv.len <= MAX_EXEC_TEXT);
	touch(exec->filename);
	touch(exec->cwd);
	touch(exec->argv);
}

static void check_loss(struct sums *sums, const struct fact *fact)
{
	const struct fact_loss *loss = &fact->loss;

	FUZZ_ASSERT(loss->bytes || loss->events);
	FUZZ_ASSERT(loss->has_dir == (fact->conn != NULL) && loss->where);
	if (loss->has_dir)
		sums->lost[loss->dir] += loss->bytes;
	else
		sums->unplaced += loss->bytes;
}

static void check_summary(const struct sums *sums, const struct fact_summary *summary)
{
	for (int dir = 0; dir < 2; dir++)
		FUZZ_ASSERT(summary->bytes[dir] == sums->shown[dir] + sums->lost[dir]);
	FUZZ_ASSERT(summary->lost_bytes == sums->lost[0] + sums->lost[1] + sums->unplaced);
	FUZZ_ASSERT(summary->captured + summary->gap_bytes + summary->cut_bytes ==
		    sums->shown[0] + sums->shown[1]);
}

static void on_fact(void *context, const struct fact *fact)
{
	struct sums *sums = context;

	FUZZ_ASSERT(memchr(fact->comm, '\0', EVENT_COMM));
	if (fact->conn)
		check_conn(fact->conn);
	switch (fact->type) {
	case FACT_IO:
		FUZZ_ASSERT(fact->conn);
		check_io(sums, &fact->io);
		break;
	case FACT_OPEN:
		FUZZ_ASSERT(fact->conn && fact->open.kind && fact->open.latency >= -1);
		break;
	case FACT_CLOSE:
		FUZZ_ASSERT(fact->conn && fact->conn->closed && fact->close.duration >= -1);
		FUZZ_ASSERT(!fact->close.reason || strlen(fact->close.reason) < 200);
		break;
	case FACT_EXEC:
		check_exec(&fact->exec);
		break;
	case FACT_EXIT:
		FUZZ_ASSERT(fact->exit.status == 0 || fact->exit.signal == 0);
		break;
	case FACT_LOSS:
		check_loss(sums, fact);
		break;
	case FACT_SUMMARY:
		check_summary(sums, &fact->summary);
		sums->ended = true;
		break;
	default:
		abort();
	}
}

/* Each event in memory of its own that ends with it. The size is the input's, as
 * far as that goes; a wrong one must be refused. */
static void send_each(struct flow *flow, const uint8_t *data, size_t size)
{
	while (size) {
		uint32_t len = 0;
		uint8_t *event;

		memcpy(&len, data, size < sizeof(len) ? size : sizeof(len));
		if (len > size || len < sizeof(len))
			len = (uint32_t)size;
		event = malloc(len);
		memcpy(event, data, len);
		flow_event(flow, (struct event *)event, len);
		free(event);
		len = (len + 7) & ~7u;
		data += len < size ? len : size;
		size -= len < size ? len : size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_end end = { .head = { .size = sizeof(end), .type = EVENT_END } };
	struct sums sums = { .ended = false };
	struct flow *flow = flow_new(on_fact, &sums);

	FUZZ_ASSERT(flow);
	send_each(flow, data, size);
	FUZZ_ASSERT(flow_event(flow, &end.head, sizeof(end)) == 0 && sums.ended);
	flow_free(flow);
	return 0;
}

/* The seed: a few threads and connections doing this and that. */

union any {
	struct event head;
	struct event_data data;
	struct event_open open;
	struct event_close close;
	struct event_exec exec;
	struct event_text text;
	struct event_exit exit;
	struct event_total total;
	struct event_end end;
};

static void fill_address(struct address *address, uint64_t choice)
{
	address->family = choice % 3 == 0 ? 0 : choice % 3 == 1 ? AF_INET : AF_INET6;
	address->port = (uint16_t)(choice >> 8);
	address->scope = choice >> 24 & 1;
	memcpy(address->ip, &choice, sizeof(choice) / 2);
}

static size_t fill_open(struct event_open *open, uint64_t choice, uint64_t *random)
{
	static const uint16_t families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, 0, 99 };

	open->conn = choice % 8;
	open->kind = (uint8_t)(1 + choice / 8 % 7);
	open->family = families[choice / 64 % 6];
	open->type = open->family ? (uint16_t)(1 + choice / 512 % 3) :
				    (uint16_t)((choice / 512 % 16) << 12);
	open->error = choice >> 20 & 7 ? 0 : 101;
	open->local_len = (uint8_t)((choice >> 24) % (EVENT_PATH + 1));
	memset(open->local_path + 1, 'p', EVENT_PATH - 2);
	fill_address(&open->local, fuzz_random(random));
	fill_address(&open->remote, fuzz_random(random));
	return sizeof(*open);
}

static size_t fill_data(struct event_data *data, uint64_t choice)
{
	data->conn = choice % 8;
	data->dir = choice >> 8 & 1;
	data->op = (uint8_t)((choice >> 16) % OP_COUNT);
	data->captured = choice >> 24 & 63;
	data->len = data->moved = data->captured + (choice >> 32 & 1);
	data->offset = choice >> 36 & 255;
	data->lost = choice >> 44 & 15;
	data->lost_events = data->lost;
	fill_address(&data->peer, choice >> 50);
	return sizeof(*data) + data->captured;
}

static size_t fill_text(struct event_text *text, uint64_t choice)
{
	text->kind = choice % TEXT_KINDS;
	text->done = choice >> 8 & 1 ? choice >> 12 & 15 : 0;
	text->len = choice >> 16 & 15;
	text->unread = (choice >> 24 & 7) == 0;
	return sizeof(*text) + text->len;
}

static size_t fill(union any *any, uint64_t choice, uint64_t *random)
{
	switch (any->head.type) {
	case EVENT_DATA:
		return fill_data(&any->data, choice);
	case EVENT_OPEN:
		return fill_open(&any->open, choice, random);
	case EVENT_CLOSE:
		any->close.conn = choice % 8;
		any->close.reason = (uint8_t)((choice >> 8) % 6);
		any->close.known = choice >> 16 & 1;
		any->close.error = choice >> 20 & 127;
		any->close.bytes[0] = any->close.lost[0] = choice >> 30 & 31;
		return sizeof(any->close);
	case EVENT_EXEC:
		for (int kind = 0; kind < TEXT_KINDS; kind++)
			any->exec.text_len[kind] = choice >> (8 * kind) & 31;
		return sizeof(any->exec);
	case EVENT_TEXT:
		return fill_text(&any->text, choice);
	case EVENT_EXIT:
		any->exit.status = (uint32_t)(choice & 1 ? choice & 0xff00 : choice & 0x8f);
		return sizeof(any->exit);
	case EVENT_END:
		any->end.unplaced_bytes = choice & 3;
		return sizeof(any->end);
	case EVENT_TOTAL:
		any->total.conn = choice % 8;
		any->total.lost[choice >> 8 & 1] = choice >> 16 & 63;
		return sizeof(any->total);
	}
	return sizeof(any->head);
}

size_t fuzz_seed(uint64_t number, uint8_t *data, size_t room)
{
	uint64_t random = number, time = 0;
	size_t at = 0;

	for (int i = 0; i < 64 && room - at > 1024; i++) {
		union any any = { .head = { .comm = "fuzz" } };
		uint64_t choice = fuzz_random(&random);

		time += choice >> 56 ? choice >> 50 : choice >> 30;
		any.head.time = time;
		any.head.tid = any.head.pid = 1 + (uint32_t)(choice >> 40 & 3);
		any.head.type = (uint16_t)(choice & 8 ? EVENT_DATA : 1 + choice % (EVENT_TYPE_COUNT - 1));
		any.head.size = (uint32_t)fill(&any, fuzz_random(&random), &random);
		memset(data + at, 'x', 1024);
		memcpy(data + at, &any, any.head.size < sizeof(any) ? any.head.size : sizeof(any));
		at += (any.head.size + 7) & ~7u;
	}
	return at;
}
