#include "sink.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

/* A directory of its own, with a sink that writes into it. */
struct written {
	char dir[64], paths[3][96];
	struct options options;
	struct source_info info;
	struct failure failure;
	struct sink *sink;
};

static void open_in(struct written *written, mode_t before)
{
	static const char *const formats[] = { "keylog", "json", "text" };

	*written = (struct written){ .dir = "/tmp/glasstap-sink-XXXXXX" };
	if (!mkdtemp(written->dir))
		return;
	written->options = (struct options){ .view = views, .quiet = true };
	for (int i = 0; i < 3; i++) {
		snprintf(written->paths[i], sizeof(written->paths[i]), "%s/%s", written->dir, formats[i]);
		written->options.outputs[i] = (struct output){ formats[i], written->paths[i] };
	}
	written->options.output_count = 3;
	if (before) {
		int fd = open(written->paths[0], O_WRONLY | O_CREAT, before);

		if (fd < 0 || fchmod(fd, before) || write(fd, "old", 3) != 3 || close(fd))
			test_fail(__FILE__, __LINE__, "cannot write to %s", written->dir);
	}
	written->sink = sink_open(&written->options, &written->info, &written->failure);
}

static void close_and_remove(struct written *written)
{
	sink_close(written->sink, &written->failure);
	for (int i = 0; i < 3; i++)
		unlink(written->paths[i]);
	rmdir(written->dir);
}

static void tell_secret(struct written *written, const char *label, char secret)
{
	struct event_secret event = {
		.head = { .size = sizeof(event), .type = EVENT_SECRET, .pid = 1234, .tid = 1234, .comm = "curl" },
		.random_len = 32, .secret_len = 2, .source = SECRET_BIRTH
	};

	strcpy(event.label, label);
	memset(event.random, 0xab, sizeof(event.random));
	event.secret[0] = event.secret[1] = (uint8_t)secret;
	sink_event(written->sink, &event.head, sizeof(event));
}

static const char *content(const char *path)
{
	static char text[4096];
	FILE *file = fopen(path, "r");

	if (!file)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

#define RANDOM "abababababababababababababababababababababababababababababababab"

static int mode_of(const char *path)
{
	struct stat status;

	return stat(path, &status) ? -1 : (int)(status.st_mode & 07777);
}

TEST(sink_keys_are_written_at_once)
{
	struct written written;

	open_in(&written, 0);
	REQUIRE(written.sink != NULL);
	tell_secret(&written, "CLIENT_RANDOM", 1);
	CHECK_STR(content(written.paths[0]), "CLIENT_RANDOM " RANDOM " 0101\n");
	tell_secret(&written, "SERVER_TRAFFIC_SECRET_0", 2);
	CHECK_STR(content(written.paths[0]), "CLIENT_RANDOM " RANDOM " 0101\n"
		  "SERVER_TRAFFIC_SECRET_0 " RANDOM " 0202\n");
	close_and_remove(&written);
}

TEST(sink_keys_are_the_owners_alone)
{
	static const mode_t before[] = { 0, 0644, 0666, 0400, 0777 };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		struct written written;

		if (before[i] == 0400 && geteuid() != 0)
			continue; /* cannot be written to */
		open_in(&written, before[i]);
		REQUIRE(written.sink != NULL);
		CHECK_EQ(mode_of(written.paths[0]), 0600);
		CHECK_STR(content(written.paths[0]), "");
		close_and_remove(&written);
	}
}

/* An output that is no file of ours keeps its mode. */
TEST(sink_keys_into_a_pipe)
{
	struct written written;
	char fifo[80] = "/tmp/glasstap-fifo-XXXXXX", path[96], text[512];
	int fd;

	REQUIRE(mkdtemp(fifo));
	snprintf(path, sizeof(path), "%s/keys", fifo);
	REQUIRE(mkfifo(path, 0644) == 0);
	fd = open(path, O_RDWR | O_NONBLOCK);
	written = (struct written){ .options = { .view = views, .quiet = true, .output_count = 1 } };
	written.options.outputs[0] = (struct output){ "keylog", path };
	written.sink = sink_open(&written.options, &written.info, &written.failure);
	REQUIRE(written.sink != NULL);
	CHECK_EQ(mode_of(path), 0644);
	tell_secret(&written, "CLIENT_RANDOM", 1);
	CHECK_EQ(read(fd, text, sizeof(text)), strlen("CLIENT_RANDOM " RANDOM " 0101\n"));
	sink_close(written.sink, &written.failure);
	close(fd);
	unlink(path);
	rmdir(fifo);
}

TEST(sink_keys_are_in_no_other_output)
{
	struct written written;

	open_in(&written, 0);
	REQUIRE(written.sink != NULL);
	for (const struct view *view = views; view->name; view++) {
		written.options.view = view;
		tell_secret(&written, "CLIENT_RANDOM", (char)(0xc0 + (view - views)));
	}
	sink_flush(written.sink);
	CHECK(strstr(content(written.paths[0]), "c0c0"));
	CHECK_STR(content(written.paths[1]), "");
	CHECK_STR(content(written.paths[2]), "");
	close_and_remove(&written);
}

TEST_MAIN()
