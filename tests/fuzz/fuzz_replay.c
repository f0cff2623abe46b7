/* A file of any content is replayed. Its first byte is not part of it: odd, and
 * the checksums are made right first, so that what is behind them is reached. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checksum.h"
#include "fuzz.h"
#include "source/gtap.h"
#include "source/record.h"

static void repair(uint8_t *file, size_t size)
{
	struct gtap_head head;
	struct gtap_record record;
	uint64_t number = 0;
	size_t at = sizeof(head);

	if (size < sizeof(head))
		return;
	memcpy(&head, file, sizeof(head));
	if (head.info_len > GTAP_MAX_INFO || head.info_len > size - at)
		return;
	head.checksum = gtap_head_sum(&head, (char *)file + at);
	memcpy(file, &head, sizeof(head));
	at += head.info_len;
	while (size - at >= sizeof(record)) {
		memcpy(&record, file + at, sizeof(record));
		if (record.size > size - at - sizeof(record))
			return;
		record.checksum = checksum(number++, file + at + sizeof(record), record.size);
		memcpy(file + at, &record, sizeof(record));
		at += sizeof(record) + gtap_padded(record.size);
		if (at > size)
			return;
	}
}

struct seen {
	uint64_t events;
	uint16_t last;
};

static int on_event(void *context, const struct event *event, size_t size)
{
	struct seen *seen = context;
	volatile unsigned char sum = 0;

	FUZZ_ASSERT(event->size == size && size >= sizeof(*event) && size <= GTAP_MAX_EVENT);
	FUZZ_ASSERT((uintptr_t)event % 8 == 0);
	for (size_t i = 0; i < size; i++)
		sum = (unsigned char)(sum + ((const unsigned char *)event)[i]);
	seen->events++;
	seen->last = event->type;
	return 0;
}

static void check_info(const struct source_info *info)
{
	FUZZ_ASSERT(memchr(info->version, '\0', sizeof(info->version)));
	FUZZ_ASSERT(memchr(info->kernel, '\0', sizeof(info->kernel)));
	FUZZ_ASSERT(memchr(info->machine, '\0', sizeof(info->machine)));
	FUZZ_ASSERT(memchr(info->host, '\0', sizeof(info->host)));
	FUZZ_ASSERT(memchr(info->command, '\0', sizeof(info->command)));
}

static void run(const char *path)
{
	struct failure failure = { "" };
	struct seen seen = { 0, 0 };
	struct replay *replay = replay_open(path, &failure);
	int result;

	if (!replay) {
		FUZZ_ASSERT(failure.text[0]);
		return;
	}
	check_info(replay_info(replay));
	result = replay_run(replay, on_event, &seen, &failure);
	FUZZ_ASSERT(result == 0 || result == -ENODATA || result == -EBADMSG);
	FUZZ_ASSERT((result == 0) == (failure.text[0] == '\0'));
	FUZZ_ASSERT(result != 0 || seen.last == EVENT_END);
	replay_free(replay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int file = memfd_create("fuzz", MFD_CLOEXEC);
	uint8_t *copy;
	char path[64];

	FUZZ_ASSERT(file >= 0);
	copy = malloc(size + 1);
	if (copy && size > 1) {
		memcpy(copy, data + 1, size - 1);
		if (data[0] & 1)
			repair(copy, size - 1);
		FUZZ_ASSERT(write(file, copy, size - 1) == (ssize_t)(size - 1));
	}
	free(copy);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	run(path);
	close(file);
	return 0;
}

/* A recording of events that say nothing. */
size_t fuzz_seed(uint64_t number, uint8_t *data, size_t room)
{
	struct source_info info = { .began = number, .version = "0.1", .host = "host" };
	struct gtap_head head = { .order = GTAP_ORDER, .format = GTAP_FORMAT,
				  .events = EVENT_VERSION };
	size_t at = 1 + sizeof(head);

	memset(data, 0, room);
	memcpy(head.magic, GTAP_MAGIC, sizeof(head.magic));
	head.info_len = (uint32_t)gtap_write_info(&info, (char *)data + at);
	memcpy(data + 1, &head, sizeof(head));
	at += head.info_len;
	for (uint64_t i = 0, random = number; i < 1 + number % 30; i++) {
		uint64_t choice = fuzz_random(&random);
		struct event event = { .type = EVENT_TICK };
		size_t more = choice % (choice >> 60 ? 64 : GTAP_MAX_EVENT);
		struct gtap_record record = { .size = (uint32_t)(sizeof(event) + more) };

		event.size = record.size;
		if (gtap_padded(record.size) + 512 > room - at)
			break;
		memcpy(data + at, &record.size, sizeof(record.size));
		memcpy(data + at + sizeof(record), &event, sizeof(event));
		at += sizeof(record) + gtap_padded(record.size);
	}
	data[0] = 1;
	repair(data + 1, at - 1);
	data[0] = number >> 32 & 7 ? 1 : 0;
	return at;
}
