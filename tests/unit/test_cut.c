/* A recording of more than 64 KiB, cut at every length up to there: it is read,
 * and shown as text and JSON, up to its last whole event. With the sanitizers
 * this says that no cut makes anything read or write where it must not. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "out/out.h"
#include "source/record.h"
#include "test.h"
#include "flow_events.h"

#define CUTS 65536
#define PIECE 700

static struct buf shown;
static struct failure failure;
static uint64_t handed;

static void on_shown(void *context, const struct fact *fact)
{
	const struct out_options options = { .hex = fact->type == FACT_IO && fact->io.dir };

	(void)context;
	for (const struct out_format *format = out_formats; format->name; format++)
		format->fact(&shown, &options, fact);
	shown.len = 0;
}

static int on_event(void *flow, const struct event *event, size_t size)
{
	handed++;
	flow_event(flow, event, size);
	return 0;
}

static int put(struct record *record, struct event *event, size_t size, size_t payload)
{
	static _Alignas(8) unsigned char bytes[4096];

	event->size = (uint32_t)(size + payload);
	memcpy(bytes, event, size);
	for (size_t i = 0; i < payload; i++)
		bytes[size + i] = (unsigned char)(i * 7 + size * payload);
	return record_event(record, (struct event *)bytes, size + payload);
}

/* Opens, bytes both ways, launches and closes, in turn. */
static bool write_recording(const char *path)
{
	struct source_info info = { .version = "test", .kernel = "6.18" };
	struct record *record = record_open(path, &info, &failure);
	uint64_t moved[2] = { 0 };

	if (!record)
		return false;
	for (uint64_t i = 0; i < 120; i++) {
		struct event_open open = open_event(i / 8 + 1, OPEN_CONNECT);
		struct event_data data = data_event(i / 8 + 1, i % 2, moved[i % 2], i * 53 % PIECE);
		struct event_close close = close_event(i / 8 + 1, moved[0], moved[1]);

		put(record, &open.head, sizeof(open), 0);
		put(record, &data.head, sizeof(data), data.captured);
		moved[i % 2] += data.len;
		if (i % 8 == 7) {
			put(record, &close.head, sizeof(close), 0);
			moved[0] = moved[1] = 0;
		}
	}
	return record_close(record, &failure) == 0;
}

TEST(every_cut_of_a_recording_is_shown)
{
	char path[64], *whole = malloc(CUTS + 1);
	int file = memfd_create("whole", 0), cut = memfd_create("cut", 0);
	uint64_t before = 0;

	REQUIRE(whole && file >= 0 && cut >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	REQUIRE(write_recording(path));
	REQUIRE(pread(file, whole, CUTS + 1, 0) == CUTS + 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", cut);
	for (size_t len = 0; len <= CUTS; len++) {
		struct flow *flow = flow_new(on_shown, NULL);
		struct replay *replay = replay_open(path, &failure);

		handed = 0;
		if (replay)
			REQUIRE(replay_run(replay, on_event, flow, &failure) == -ENODATA);
		REQUIRE(handed == before || handed == before + 1);
		before = handed;
		replay_free(replay);
		flow_free(flow);
		REQUIRE(pwrite(cut, whole + len, 1, (off_t)len) == 1);
	}
	CHECK(before > 150);
	free(whole);
	buf_free(&shown);
	close(file);
	close(cut);
}

TEST_MAIN()
