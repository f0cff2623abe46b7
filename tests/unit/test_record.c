#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checksum.h"
#include "source/gtap.h"
#include "source/record.h"
#include "test.h"

static const char path[] = "test_record.gtap";
static struct failure failure;

static struct source_info info_of(void)
{
	struct source_info info = {
		.clock_offset = (uint64_t)-5, .began = UINT64_MAX, .zone_offset = -3600,
		.version = "0.1.0", .kernel = "6.18\n#1", .machine = "x86_64", .host = "h\xff",
		.command = "glasstap -w x",
	};

	return info;
}

/* Event `i` of a recording: of several sizes, filled with what `i` says. */
static const struct event *event_of(uint64_t i, size_t size)
{
	static _Alignas(8) unsigned char bytes[GTAP_MAX_EVENT + 64];
	struct event *event = (struct event *)bytes;

	for (size_t at = 0; at < size; at++)
		bytes[at] = (unsigned char)(i * 31 + at);
	event->size = (uint32_t)size;
	event->type = EVENT_DATA;
	event->time = i;
	return event;
}

static const struct event *end_event(void)
{
	static struct event_end end = { .head = { .size = sizeof(end), .type = EVENT_END } };

	return &end.head;
}

static size_t size_of(uint64_t i)
{
	return sizeof(struct event) + i * i * 7 % 61;
}

static struct record *begin(const char *name)
{
	struct source_info info = info_of();

	return record_open(name, &info, &failure);
}

/* A recording of `count` small events and an end. */
static bool write_small(uint64_t count, bool whole)
{
	struct record *record = begin(path);

	if (!record)
		return false;
	for (uint64_t i = 0; i < count; i++)
		if (record_event(record, event_of(i, size_of(i)), size_of(i)))
			return false;
	if (whole && record_event(record, end_event(), end_event()->size))
		return false;
	return record_close(record, &failure) == 0;
}

struct bytes {
	char data[16384];
	size_t len;
};

static struct bytes read_file(void)
{
	struct bytes bytes = { .len = 0 };
	FILE *file = fopen(path, "rb");

	if (file) {
		bytes.len = fread(bytes.data, 1, sizeof(bytes.data), file);
		fclose(file);
	}
	return bytes;
}

static void write_file(const void *data, size_t len)
{
	FILE *file = fopen(path, "wb");

	if (file) {
		fwrite(data, 1, len, file);
		fclose(file);
	}
}

struct seen {
	uint64_t events;
	bool wrong, end;
	uint64_t stop_at;
	int stop;
	size_t (*size_of)(uint64_t i);
};

static int see(void *context, const struct event *event, size_t size)
{
	struct seen *seen = context;
	size_t wanted = seen->size_of ? seen->size_of(seen->events) : size_of(seen->events);

	if ((uintptr_t)event % 8)
		seen->wrong = true;
	if (event->type == EVENT_END)
		seen->end = true;
	else if (size != wanted || memcmp(event, event_of(seen->events, size), size) != 0)
		seen->wrong = true;
	seen->events++;
	return seen->stop && seen->events == seen->stop_at ? seen->stop : 0;
}

/* What a replay of the file returns; -EBADF if it does not even open. */
static int replay(struct seen *seen)
{
	struct replay *replay;
	int result;

	failure.text[0] = '\0';
	replay = replay_open(path, &failure);
	if (!replay)
		return -EBADF;
	result = replay_run(replay, see, seen, &failure);
	replay_free(replay);
	return result;
}

TEST(record_gives_back_what_it_got)
{
	struct source_info info = info_of();
	struct seen seen = { 0 };
	struct replay *replay;
	struct stat stat_;

	REQUIRE(write_small(1000, true));
	REQUIRE(stat(path, &stat_) == 0);
	CHECK_EQ(stat_.st_mode & 0777, 0600);
	replay = replay_open(path, &failure);
	REQUIRE(replay != NULL);
	CHECK(memcmp(replay_info(replay), &info, sizeof(info)) == 0);
	CHECK_EQ(replay_run(replay, see, &seen, &failure), 0);
	CHECK_EQ(seen.events, 1001);
	CHECK(seen.end && !seen.wrong);
	replay_free(replay);
}

static size_t large_size(uint64_t i)
{
	return i % 3 ? sizeof(struct event_data) + EVENT_PIECE - i : size_of(i);
}

TEST(record_takes_events_of_every_size)
{
	const size_t too_large = GTAP_MAX_EVENT + 1;
	struct seen seen = { .size_of = large_size };
	struct record *record = begin(path);

	REQUIRE(record != NULL);
	for (uint64_t i = 0; i < 100; i++)
		CHECK_EQ(record_event(record, event_of(i, large_size(i)), large_size(i)), 0);
	CHECK_EQ(record_event(record, event_of(1, 39), 39), -EINVAL);
	CHECK_EQ(record_event(record, event_of(1, too_large), too_large), -EINVAL);
	CHECK_EQ(record_event(record, event_of(1, 48), 47), -EINVAL);
	CHECK_EQ(record_event(record, end_event(), end_event()->size), 0);
	CHECK_EQ(record_close(record, &failure), 0);
	CHECK_EQ(replay(&seen), 0);
	CHECK_EQ(seen.events, 101);
	CHECK(!seen.wrong);
}

TEST(record_goes_to_the_file_when_flushed)
{
	struct seen seen = { 0 };
	struct record *record = begin(path);

	REQUIRE(record != NULL);
	CHECK_EQ(record_event(record, event_of(0, size_of(0)), size_of(0)), 0);
	CHECK_EQ(record_flush(record), 0);
	CHECK_EQ(replay(&seen), -ENODATA);
	CHECK_EQ(seen.events, 1);
	CHECK(strstr(failure.text, "stops after event 1 ") != NULL);
	CHECK_EQ(record_close(record, &failure), 0);
	CHECK_EQ(record_close(NULL, &failure), 0);
}

TEST(record_is_for_its_owner_alone)
{
	struct record *record;
	struct stat status = {};

	/* It was there, for all to read. */
	close(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
	CHECK_EQ(chmod(path, 0644), 0);
	record = begin(path);
	REQUIRE(record);
	CHECK_EQ(record_close(record, &failure), 0);
	CHECK_EQ(stat(path, &status), 0);
	CHECK_EQ(status.st_mode & 07777, 0600);
	unlink(path);
}

TEST(replay_stops_when_told_and_goes_on)
{
	struct seen seen = { .stop_at = 5, .stop = 77 };
	struct replay *replay;

	REQUIRE(write_small(10, true));
	replay = replay_open(path, &failure);
	REQUIRE(replay != NULL);
	CHECK_EQ(replay_run(replay, see, &seen, &failure), 77);
	CHECK_EQ(seen.events, 5);
	CHECK_EQ(replay_run(replay, see, &seen, &failure), 0);
	CHECK_EQ(seen.events, 11);
	CHECK(!seen.wrong);
	replay_free(replay);
	replay_free(NULL);
}

/* Where the records of a file begin, and its end. */
static size_t places_of(const struct bytes *file, size_t places[], size_t max)
{
	struct gtap_head head;
	size_t count = 0, at;

	memcpy(&head, file->data, sizeof(head));
	for (at = sizeof(head) + head.info_len; at < file->len && count < max; ) {
		struct gtap_record record;

		memcpy(&record, file->data + at, sizeof(record));
		places[count++] = at;
		at += sizeof(record) + gtap_padded(record.size);
	}
	places[count] = at;
	return count;
}

TEST(replay_reads_up_to_the_last_whole_event)
{
	struct bytes file;
	size_t places[32], count, whole = 0;

	REQUIRE(write_small(12, true));
	file = read_file();
	count = places_of(&file, places, 31);
	REQUIRE(count == 13 && places[13] == file.len);
	for (size_t len = 0; len <= file.len; len++) {
		struct seen seen = { 0 };
		int result;

		write_file(file.data, len);
		result = replay(&seen);
		while (whole < count && places[whole + 1] <= len)
			whole++;
		REQUIRE(result == (len < places[0] ? -EBADF : len == file.len ? 0 : -ENODATA));
		REQUIRE(seen.events == whole && !seen.wrong);
		REQUIRE((failure.text[0] == '\0') == (result == 0));
	}
}

TEST(replay_says_where_a_recording_ends)
{
	struct bytes file;
	size_t places[32];
	struct seen seen = { 0 };
	char wanted[200];

	REQUIRE(write_small(5, true));
	file = read_file();
	places_of(&file, places, 31);
	write_file(file.data, places[4] - 3);
	CHECK_EQ(replay(&seen), -ENODATA);
	snprintf(wanted, sizeof(wanted), "'%s' ends in the middle of event 4 (byte %zu); "
		 "everything before it was shown", path, places[4] - 3);
	CHECK_STR(failure.text, wanted);
	write_file(file.data, 0);
	CHECK_EQ(replay(&seen), -EBADF);
	CHECK_STR(failure.text, "cannot read 'test_record.gtap': it is empty");
}

/* Each bit of each byte: noticed, and what came before is right. */
TEST(replay_notices_every_changed_bit)
{
	struct bytes file;

	REQUIRE(write_small(6, true));
	file = read_file();
	for (size_t bit = 0; bit < file.len * 8; bit++) {
		struct seen seen = { 0 };
		int result;

		file.data[bit / 8] ^= (char)(1 << bit % 8);
		write_file(file.data, file.len);
		file.data[bit / 8] ^= (char)(1 << bit % 8);
		result = replay(&seen);
		REQUIRE(result == -EBADF || result == -EBADMSG || result == -ENODATA);
		REQUIRE(!seen.wrong && failure.text[0]);
	}
}

TEST(replay_notices_a_piece_that_is_missing_or_twice)
{
	struct bytes file, other;
	size_t places[32], at;
	struct seen seen = { 0 };

	REQUIRE(write_small(6, true));
	file = read_file();
	places_of(&file, places, 31);
	at = places[3];
	memcpy(other.data, file.data, at);
	memcpy(other.data + at, file.data + places[4], file.len - places[4]);
	write_file(other.data, file.len - (places[4] - at));
	CHECK_EQ(replay(&seen), -EBADMSG);
	CHECK_EQ(seen.events, 3);
	CHECK(!seen.wrong);
	memcpy(other.data + places[4], file.data + at, file.len - at);
	memcpy(other.data, file.data, places[4]);
	write_file(other.data, file.len + places[4] - at);
	seen = (struct seen){ 0 };
	CHECK_EQ(replay(&seen), -EBADMSG);
	CHECK_EQ(seen.events, 4);
	CHECK(!seen.wrong);
	snprintf(other.data, sizeof(other.data), "'%s' is damaged at event 5 (byte %zu); "
		 "everything before it was shown", path, places[4]);
	CHECK_STR(failure.text, other.data);
}

/* Sizes that no event has, with checksums that are right. */
TEST(replay_refuses_hostile_sizes)
{
	static const uint32_t sizes[] = { 0, 1, 39, GTAP_MAX_EVENT + 1, INT32_MAX, UINT32_MAX };
	struct bytes file;
	size_t places[32];

	REQUIRE(write_small(2, true));
	file = read_file();
	places_of(&file, places, 31);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct gtap_record record = { .size = sizes[i] };
		struct seen seen = { 0 };

		record.checksum = checksum(1, file.data + places[1] + 8, sizes[i] & 63);
		memcpy(file.data + places[1], &record, sizeof(record));
		write_file(file.data, file.len);
		CHECK_EQ(replay(&seen), -EBADMSG);
		CHECK_EQ(seen.events, 1);
	}
}

static void check_head(struct gtap_head head, const char *said)
{
	struct bytes file = read_file(), changed = file;
	struct seen seen = { 0 };

	memcpy(changed.data, &head, sizeof(head));
	write_file(changed.data, changed.len);
	CHECK_EQ(replay(&seen), -EBADF);
	CHECK(strstr(failure.text, path) && strstr(failure.text, said));
	if (!strstr(failure.text, said))
		test_fail(__FILE__, __LINE__, "said: %s", failure.text);
	write_file(file.data, file.len);
}

TEST(replay_says_what_it_cannot_read)
{
	struct gtap_head head, other;
	struct bytes file;

	REQUIRE(write_small(1, true));
	file = read_file();
	memcpy(&head, file.data, sizeof(head));
	other = head;
	other.events = EVENT_VERSION + 6;
	check_head(other, "it is of version 1.7, and this glasstap reads 1.1");
	other = head;
	other.format = 9;
	check_head(other, "it is of version 9.1, and this glasstap reads 1.1");
	other = head;
	other.order = __builtin_bswap32(other.order);
	check_head(other, "the other byte order");
	other = head;
	memcpy(other.magic, "\x89GTP\n\x1a\n.", 8);
	check_head(other, "text mode");
	other = head;
	memcpy(other.magic, "GIF89a..", 8);
	check_head(other, "it is not a glasstap recording");
	other = head;
	other.info_len = UINT32_MAX - 7;
	check_head(other, "its head is damaged");
	other = head;
	other.info_len -= 8;
	check_head(other, "its head is damaged");
	CHECK(replay_open("/nonexistent/\x1b[1m.gtap", &failure) == NULL);
	CHECK_STR(failure.text, "cannot open '/nonexistent/?[1m.gtap': No such file or directory");
	CHECK(replay_open("/", &failure) == NULL);
	CHECK_STR(failure.text, "cannot read '/': Is a directory");
	CHECK(begin("/nonexistent/x") == NULL);
	CHECK_STR(failure.text, "cannot create '/nonexistent/x': No such file or directory");
}

/* A head as a later version may write it. */
static int info_result(const char *text, size_t len, struct source_info *info)
{
	char padded[1024] = { 0 };

	memcpy(padded, text, len);
	return gtap_read_info(info, padded, gtap_padded(len));
}

TEST(replay_takes_what_it_knows_of_the_info)
{
	static struct source_info info;
	static char text[GTAP_MAX_INFO], longest[700];

#define INFO(literal) info_result(literal, sizeof(literal), &info)
	CHECK_EQ(INFO("later\0thing\0host\0h\0began\0" "12\0"), 0);
	CHECK_STR(info.host, "h");
	CHECK_EQ(info.began, 12);
	CHECK_STR(info.version, "");
	CHECK_EQ(INFO("began\0" "12x\0"), -EBADMSG);
	CHECK_EQ(INFO("began\0\0"), -EBADMSG);
	CHECK_EQ(INFO("began\0" "99999999999999999999\0"), -EBADMSG);
	CHECK_EQ(info_result("hosthost", 8, &info), -EBADMSG);
	CHECK_EQ(info_result("host\0hhh", 8, &info), -EBADMSG);
	memcpy(longest, "host", 5);
	memset(longest + 5, 'h', sizeof(longest) - 6);
	CHECK_EQ(info_result(longest, sizeof(longest), &info), 0);
	CHECK_EQ(strlen(info.host), sizeof(info.host) - 1);
	memset(&info, 'x', sizeof(info));      /* no NUL anywhere */
	CHECK(gtap_write_info(&info, text) > 4096 + 256);
	CHECK_EQ(gtap_read_info(&info, text, gtap_padded(9000)), 0);
	CHECK_EQ(strlen(info.command), sizeof(info.command) - 1);
}

/* A disk that is full after `limit` bytes: the file must end with the last event
 * that fits, and the number that the failure names must be true. */
static uint64_t fitting(rlim_t limit, size_t (*size)(uint64_t))
{
	static char text[GTAP_MAX_INFO];
	struct source_info info = info_of();
	size_t at = sizeof(struct gtap_head) + gtap_write_info(&info, text);
	uint64_t count;

	for (count = 0; count < 40; count++) {
		at += sizeof(struct gtap_record) + gtap_padded(size(count));
		if (at > limit)
			break;
	}
	return count;
}

static int fill_disk(rlim_t limit, size_t (*size)(uint64_t))
{
	struct rlimit file_size = { limit, limit };
	struct record *record;
	unsigned long long kept = 0;
	struct seen seen = { .size_of = size };
	int error = 0, result;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &file_size);
	record = begin(path);
	if (!record)
		return 10;
	for (uint64_t i = 0; i < 40 && !error; i++) {
		error = record_event(record, event_of(i, size(i)), size(i));
		if (i % 7 == 6 && !error)
			error = record_flush(record);
	}
	if (!error)
		error = record_flush(record);
	if (error != -EFBIG || record_event(record, end_event(), end_event()->size) != -EFBIG ||
	    record_flush(record) != -EFBIG || record_close(record, &failure) != -EFBIG)
		return 11;
	if (!strstr(failure.text, "it holds the first ") ||
	    sscanf(strstr(failure.text, "first "), "first %llu", &kept) != 1)
		return 12;
	result = replay(&seen);
	if (result == -EBADF)
		return kept == 0 && strstr(failure.text, "it is empty") ? 0 : 13;
	if (result != -ENODATA || !strstr(failure.text, "stops after"))
		return 14;
	return seen.wrong || seen.events != kept || kept != fitting(limit, size) ? 15 : 0;
}

static int in_child(rlim_t limit, size_t (*size)(uint64_t))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(fill_disk(limit, size));
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST(record_ends_with_a_whole_event_when_the_disk_is_full)
{
	fflush(stdout);
	for (rlim_t limit = 0; limit < 2200; limit += 4)
		CHECK_EQ(in_child(limit, size_of), 0);
	for (rlim_t limit = 100; limit < 1500000; limit += 49999)
		CHECK_EQ(in_child(limit, large_size), 0);
}

TEST(record_says_when_nobody_reads)
{
	struct record *record;
	int ends[2], saved, error = 0;

	REQUIRE(pipe(ends) == 0);
	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	saved = dup(STDOUT_FILENO);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[0]);
	close(ends[1]);
	record = begin("-");
	if (record) {
		record_event(record, event_of(0, 48), 48);
		error = record_close(record, &failure);
	}
	dup2(saved, STDOUT_FILENO);
	close(saved);
	CHECK_EQ(error, -EPIPE);
	CHECK_STR(failure.text, "cannot write to 'stdout': Broken pipe; it holds the first 0 of 1 "
				"events");
}

/* Through a pipe that takes and gives little at a time. */
TEST(record_goes_through_a_pipe)
{
	int ends[2], saved = dup(STDIN_FILENO), status;
	struct seen seen = { .size_of = large_size };
	struct replay *replay;
	pid_t child;

	REQUIRE(pipe(ends) == 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct record *record;

		fcntl(ends[1], F_SETFL, O_NONBLOCK);
		dup2(ends[1], STDOUT_FILENO);
		record = begin("-");
		for (uint64_t i = 0; record && i < 100; i++)
			record_event(record, event_of(i, large_size(i)), large_size(i));
		if (record)
			record_event(record, end_event(), end_event()->size);
		_exit(!record || record_close(record, &failure) != 0);
	}
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	replay = replay_open("-", &failure);
	if (replay) {
		CHECK_EQ(replay_run(replay, see, &seen, &failure), 0);
		replay_free(replay);
	}
	dup2(saved, STDIN_FILENO);
	close(saved);
	CHECK(replay != NULL);
	CHECK_EQ(seen.events, 101);
	CHECK(!seen.wrong);
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}

TEST(checksum_depends_on_each_byte_the_length_and_the_seed)
{
	char bytes[100] = { 0 };
	uint32_t plain = checksum(0, bytes, sizeof(bytes));

	for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		CHECK(checksum(0, bytes, sizeof(bytes)) != plain);
		bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t len = 0; len < sizeof(bytes); len++)
		CHECK(checksum(0, bytes, len) != plain);
	for (uint64_t seed = 1; seed < 1000; seed++)
		CHECK(checksum(seed, bytes, sizeof(bytes)) != plain);
}

TEST(failure_shows_no_control_characters)
{
	CHECK_EQ(failure_set(&failure, -EINVAL, "a%sb", "\n\x7f\x1b"), -EINVAL);
	CHECK_STR(failure.text, "a???b");
	failure_set(&failure, -1, "%s", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7");
	CHECK_STR(failure.text, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7");
	failure_set(&failure, -1, "%s", "\xc2\x9b|\xff|\xc3|\xe2\x82|\xed\xa0\x80|\xc0\x80");
	CHECK_STR(failure.text, "??|?|?|??|???|??");
	failure_set(&failure, -1, "%0600d", 7);
	CHECK_EQ(strlen(failure.text), sizeof(failure.text) - 1);
}

/* In a directory of its own, which goes again. */
int main(int argc, char **argv)
{
	char directory[] = "/tmp/test_record.XXXXXX";
	int status;

	if (!mkdtemp(directory) || chdir(directory))
		return 2;
	status = test_main(argc, argv);
	unlink(path);
	return chdir("/") || rmdir(directory) ? 2 : status;
}
