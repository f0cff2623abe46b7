/* calls TRUTH [BATTERY...]: moves bytes by every system call that can, over
 * every kind of socket, with odd buffers, partial results and errors, and
 * writes what truly moved to the file TRUTH.
 *
 * Every socket is moved to a descriptor number that is used only once, so
 * (pid, fd) names one end of one connection. Only what a call returned counts.
 * A line of TRUTH for each direction of each end:
 *
 *	stream PID FD out|in TRANSPORT LOCAL REMOTE LENGTH GAPS HEX
 *
 * "-" is none. GAPS is "offset+length,...": bytes that a tracer may show as
 * moved but not copied (sendfile, splice, io_uring, MSG_TRUNC); if it does show
 * them they must be these. Other lines: "op NAME" for each system call that
 * moved something, "skip WHAT WHY". */
#include "workload.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { OUT, IN };

#define MAX_RANGES 512
/* No program has memory there. Volatile: the compiler is not to know. */
static void *volatile bad = (void *)8;
static volatile int too_many = 1025;

struct stream {
	unsigned char *bytes;
	size_t len, room;
	struct { size_t offset, len; } gaps[MAX_RANGES];
	size_t gap_count;
};

struct end {
	int fd;
	const char *transport;
	char local[160], remote[160];
	struct stream way[2];
};

static const char *directory;  /* of TRUTH: for sockets and files */
static FILE *truth;
static unsigned char *noise;   /* 4 MB of it; messages are slices */
#define NOISE (4u << 20)

/* ---- what moved ---------------------------------------------------------- */

static void moved_as(struct end *end, int way, const void *bytes, ssize_t len, bool gap)
{
	struct stream *stream = &end->way[way];

	if (len <= 0)
		return;
	if (stream->len + len > stream->room) {
		stream->room = (stream->len + len) * 2;
		stream->bytes = realloc(stream->bytes, stream->room);
		if (!stream->bytes)
			die("realloc");
	}
	memcpy(stream->bytes + stream->len, bytes, len);
	if (gap) {
		if (stream->gap_count == MAX_RANGES)
			die("too many gaps");
		stream->gaps[stream->gap_count].offset = stream->len;
		stream->gaps[stream->gap_count++].len = len;
	}
	stream->len += len;
}

/* Returns `len`, so that it wraps a call. */
static ssize_t moved(struct end *end, int way, const void *bytes, ssize_t len)
{
	moved_as(end, way, bytes, len, false);
	return len;
}

static ssize_t moved_iov_as(struct end *end, int way, const struct iovec *iov, size_t count,
			    ssize_t len, bool gap)
{
	size_t left = len > 0 ? len : 0;

	for (size_t i = 0; i < count && left; i++) {
		size_t n = iov[i].iov_len < left ? iov[i].iov_len : left;

		moved_as(end, way, iov[i].iov_base, n, gap);
		left -= n;
	}
	if (left)
		die("a call returned more than its buffers hold");
	return len;
}

static ssize_t moved_iov(struct end *end, int way, const struct iovec *iov, size_t count,
			 ssize_t len)
{
	return moved_iov_as(end, way, iov, count, len, false);
}

static void must(const char *what, ssize_t got, ssize_t want)
{
	if (got != want)
		die("%s: %zd instead of %zd", what, got, want);
}

static void must_fail(const char *what, ssize_t got, int error)
{
	if (got != -1 || errno != error)
		die("%s: %zd, not the error %d", what, got, error);
}

static void op(const char *name)
{
	static const char *seen[64];

	for (size_t i = 0; i < COUNT_OF(seen); i++) {
		if (!seen[i]) {
			seen[i] = name;
			fprintf(truth, "op %s\n", name);
			return;
		}
		if (!strcmp(seen[i], name))
			return;
	}
}

/* A fresh slice of noise: no two messages are the same. */
static unsigned char *message(size_t len)
{
	static size_t next;

	if (next + len > NOISE)
		next = (next * 7 + 13) % 1021;
	next += len + 1;
	return noise + next - len - 1;
}

static int unique(int fd)
{
	static int next = 200;
	int moved_to = fcntl(fd, F_DUPFD_CLOEXEC, next);

	if (moved_to < 0)
		die("F_DUPFD");
	close(fd);
	next = moved_to + 1;
	return moved_to;
}

static void end_init(struct end *end, int fd, const char *transport)
{
	memset(end, 0, sizeof(*end));
	end->fd = unique(fd);
	end->transport = transport;
	local_text(end->local, sizeof(end->local), end->fd);
	remote_text(end->remote, sizeof(end->remote), end->fd);
}

static void end_tell(const struct end *end)
{
	for (int way = OUT; way <= IN; way++) {
		const struct stream *stream = &end->way[way];

		fprintf(truth, "stream %d %d %s %s %s %s %zu ", getpid(), end->fd,
			way == OUT ? "out" : "in", end->transport, end->local, end->remote,
			stream->len);
		for (size_t i = 0; i < stream->gap_count; i++)
			fprintf(truth, "%s%zu+%zu", i ? "," : "", stream->gaps[i].offset,
				stream->gaps[i].len);
		fputs(stream->gap_count ? " " : "- ", truth);
		for (size_t i = 0; i < stream->len; i++) {
			putc_unlocked("0123456789abcdef"[stream->bytes[i] >> 4], truth);
			putc_unlocked("0123456789abcdef"[stream->bytes[i] & 15], truth);
		}
		fputs(stream->len ? "\n" : "-\n", truth);
	}
}

static void end_close(struct end *end)
{
	end_tell(end);
	close(end->fd);
	free(end->way[OUT].bytes);
	free(end->way[IN].bytes);
}

/* ---- helpers -------------------------------------------------------------- */

/* Reads `len` bytes of a stream by reads of changing size. */
static void drain(struct end *end, size_t len)
{
	static const size_t sizes[] = {1, 7, 4096, 100, 65536, 3, 16384, 262144};
	unsigned char *buf = malloc(262144);
	unsigned turn = 0;

	op("read");
	for (size_t have = 0; have < len;) {
		size_t want = sizes[turn++ % COUNT_OF(sizes)];

		if (want > len - have)
			want = len - have;
		ssize_t n = moved(end, IN, buf, read(end->fd, buf, want));

		if (n <= 0)
			die("drain: %zu of %zu", have, len);
		have += n;
	}
	free(buf);
}

struct drainer {
	pthread_t thread;
	struct end *end;
	size_t len;
};

static void *drainer_run(void *argument)
{
	struct drainer *drainer = argument;

	drain(drainer->end, drainer->len);
	return NULL;
}

/* Another thread reads while this one sends what does not fit the buffers. */
static void drainer_start(struct drainer *drainer, struct end *end, size_t len)
{
	drainer->end = end;
	drainer->len = len;
	if (pthread_create(&drainer->thread, NULL, drainer_run, drainer))
		die("pthread_create");
}

static void drainer_join(struct drainer *drainer)
{
	pthread_join(drainer->thread, NULL);
}

static int scratch_file(const void *bytes, size_t len)
{
	char path[512];
	static int count;

	snprintf(path, sizeof(path), "%s/file%d-%d", directory, getpid(), count++);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || fsync(fd))
		die("%s", path);
	unlink(path);
	return fd;
}

static size_t iov_size(const struct iovec *iov, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += iov[i].iov_len;
	return size;
}

/* Seven buffers, most of them odd: 2,103 bytes when gathered. */
static size_t odd_iov(struct iovec iov[8], unsigned char *bytes, bool overlap)
{
	iov[0] = (struct iovec){NULL, 0};
	iov[1] = (struct iovec){bytes, 1};
	iov[2] = (struct iovec){bytes + 1, 0};
	iov[3] = (struct iovec){bytes + 1, 999};
	iov[4] = (struct iovec){bad, 0};
	iov[5] = (struct iovec){overlap ? bytes + 500 : bytes + 1000, 1000};
	iov[6] = (struct iovec){overlap ? bytes : bytes + 2000, 103};
	iov[7] = (struct iovec){NULL, 0};
	return 8;
}

/* ---- streams --------------------------------------------------------------- */

static void stream_plain(struct end *a, struct end *b)
{
	static unsigned char buf[70000];
	static const size_t sizes[] = {1, 2, 100, 1200, 4095, 4096, 4097, 16389, 60000};

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		unsigned char *bytes = message(sizes[i]);

		must("write", moved(a, OUT, bytes, write(a->fd, bytes, sizes[i])), sizes[i]);
		for (size_t have = 0; have < sizes[i];) {
			ssize_t n = moved(b, IN, buf, read(b->fd, buf, sizeof(buf)));

			if (n <= 0)
				die("read");
			have += n;
		}
	}
	op("write");
	/* A text, so that JSON has it as one. */
	must("write", moved(a, OUT, "plain text \xc3\xa9\n", write(a->fd, "plain text \xc3\xa9\n", 14)), 14);
	must("read", moved(b, IN, buf, read(b->fd, buf, sizeof(buf))), 14);
	/* Nothing moves. */
	must("write of 0", write(a->fd, buf, 0), 0);
	must("read of 0", read(b->fd, buf, 0), 0);
}

static void stream_vectors(struct end *a, struct end *b)
{
	static unsigned char buf[8192];
	struct iovec iov[8], many[1024];
	size_t count = odd_iov(iov, message(2103), true), len = iov_size(iov, count);

	must("writev", moved_iov(a, OUT, iov, count, writev(a->fd, iov, count)), len);
	op("writev");
	odd_iov(iov, buf, false);
	must("readv", moved_iov(b, IN, iov, count, readv(b->fd, iov, count)), len);
	op("readv");

	/* A read that fills its vector only in part. */
	must("write", moved(a, OUT, noise, write(a->fd, noise, 1234)), 1234);
	must("readv", moved_iov(b, IN, iov, count, readv(b->fd, iov, count)), 1234);

	unsigned char *bytes = message(1024);

	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct iovec){bytes + i, 1};
	must("writev of 1024", moved_iov(a, OUT, many, 1024, writev(a->fd, many, 1024)), 1024);
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct iovec){buf + 1023 - i, 1}; /* backwards */
	must("readv of 1024", moved_iov(b, IN, many, 1024, readv(b->fd, many, 1024)), 1024);
	/* 1,024 entries of which only the last one has bytes. */
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct iovec){i & 1 ? NULL : buf, 0};
	many[1023] = (struct iovec){message(777), 777};
	must("writev", moved_iov(a, OUT, many, 1024, writev(a->fd, many, 1024)), 777);
	drain(b, 777);

	count = odd_iov(iov, message(2103), true);
	must("pwritev2", moved_iov(a, OUT, iov, count, pwritev2(a->fd, iov, count, -1, 0)), len);
	op("pwritev2");
	odd_iov(iov, buf, false);
	must("preadv2", moved_iov(b, IN, iov, count, preadv2(b->fd, iov, count, -1, 0)), len);
	op("preadv2");
	must_fail("preadv2 on empty", preadv2(b->fd, iov, count, -1, RWF_NOWAIT), EAGAIN);
	must_fail("preadv", preadv(b->fd, iov, count, 0), ESPIPE);
	must_fail("pwritev", pwritev(a->fd, iov, count, 0), ESPIPE);
	must_fail("pread", pread(b->fd, buf, 10, 0), ESPIPE);
	must_fail("pwrite", pwrite(a->fd, buf, 10, 0), ESPIPE);
}

static void *send_in_parts(void *argument)
{
	struct end *end = argument;

	for (int i = 0; i < 3; i++) {
		unsigned char *bytes = message(1000);

		usleep(15000);
		must("part", moved(end, OUT, bytes, send(end->fd, bytes, 1000, MSG_NOSIGNAL)), 1000);
	}
	return NULL;
}

static void stream_flags(struct end *a, struct end *b)
{
	static unsigned char buf[8192], peeked[8192];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	unsigned char *bytes = message(3000);
	pthread_t thread;

	must_fail("recv on empty", recv(b->fd, buf, 10, MSG_DONTWAIT), EAGAIN);
	must("send", moved(a, OUT, bytes, send(a->fd, bytes, 3000, MSG_NOSIGNAL | MSG_MORE)), 3000);
	must("send", moved(a, OUT, "end", send(a->fd, "end", 3, MSG_DONTWAIT)), 3);
	op("sendto");
	must("peek", recv(b->fd, peeked, 3003, MSG_PEEK | MSG_WAITALL), 3003);
	must("peek", recv(b->fd, peeked, 10, MSG_PEEK), 10);
	struct iovec peek_iov = {peeked, 2000};
	struct msghdr peek_header = {.msg_iov = &peek_iov, .msg_iovlen = 1};

	if (recvmsg(b->fd, &peek_header, MSG_PEEK) <= 0)
		die("recvmsg peek");
	must("recv", moved(b, IN, buf, recv(b->fd, buf, 10, 0)), 10);
	if (memcmp(buf, peeked, 10))
		die("peek and recv differ");
	must("peek", recv(b->fd, peeked, 5, MSG_PEEK), 5);
	must("recvfrom",
	     moved(b, IN, buf, recvfrom(b->fd, buf, 2993, MSG_WAITALL, (struct sockaddr *)&from,
					&from_len)), 2993);
	op("recvfrom");

	bytes = message(500);
	must("sendto", moved(a, OUT, bytes, sendto(a->fd, bytes, 500, 0, NULL, 0)), 500);
	must("recv", moved(b, IN, buf, recv(b->fd, buf, sizeof(buf), MSG_DONTWAIT)), 500);

	if (pthread_create(&thread, NULL, send_in_parts, a))
		die("pthread_create");
	/* A unix socket now and then ends it early. */
	ssize_t waited = moved(b, IN, buf, recv(b->fd, buf, 2500, MSG_WAITALL));

	pthread_join(thread, NULL);
	drain(b, 3000 - waited);
	/* A WAITALL that ends early: the time is over. */
	struct timeval timeout = {.tv_usec = 30000};

	must("write", moved(a, OUT, bytes, write(a->fd, bytes, 40)), 40);
	setsockopt(b->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	must("recv waitall", moved(b, IN, buf, recv(b->fd, buf, 100, MSG_WAITALL)), 40);
	must_fail("recv", recv(b->fd, buf, 100, 0), EAGAIN);
	timeout.tv_usec = 0;
	setsockopt(b->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

static void stream_messages(struct end *a, struct end *b)
{
	static unsigned char buf[16384], control[256];
	struct iovec iov[8], parts[6];
	struct mmsghdr batch[6];
	size_t count = odd_iov(iov, message(2103), true), len = iov_size(iov, count);
	struct msghdr header = {.msg_iov = iov, .msg_iovlen = count};
	bool is_unix = !strcmp(a->transport, "unix");

	if (is_unix) { /* a descriptor travels along; it is no byte of the stream */
		int passed = open("/dev/null", O_RDWR | O_CLOEXEC);
		struct cmsghdr *cmsg = (struct cmsghdr *)control;

		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &passed, sizeof(int));
		must("sendmsg", moved_iov(a, OUT, iov, count, sendmsg(a->fd, &header, 0)), len);
		close(passed);
	} else {
		must("sendmsg", moved_iov(a, OUT, iov, count, sendmsg(a->fd, &header, 0)), len);
	}
	op("sendmsg");
	odd_iov(iov, buf, false);
	header = (struct msghdr){.msg_iov = iov, .msg_iovlen = count, .msg_control = control,
				 .msg_controllen = sizeof(control)};
	must("recvmsg", moved_iov(b, IN, iov, count, recvmsg(b->fd, &header, MSG_CMSG_CLOEXEC)), len);
	op("recvmsg");
	if (is_unix) {
		int passed;

		if (header.msg_controllen < CMSG_LEN(sizeof(int)))
			die("no descriptor came");
		memcpy(&passed, CMSG_DATA((struct cmsghdr *)control), sizeof(int));
		close(passed);
	}
	header = (struct msghdr){0};
	must("sendmsg of nothing", sendmsg(a->fd, &header, 0), 0);

	/* Six messages at once, one of them empty, one of them in many pieces. */
	static const size_t sizes[] = {1, 1000, 0, 33, 2000, 5};

	memset(batch, 0, sizeof(batch));
	for (size_t i = 0; i < 6; i++) {
		parts[i] = (struct iovec){message(sizes[i]), sizes[i]};
		batch[i].msg_hdr.msg_iov = &parts[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	count = odd_iov(iov, message(2103), true);
	batch[3].msg_hdr.msg_iov = iov;
	batch[3].msg_hdr.msg_iovlen = count;
	must("sendmmsg", sendmmsg(a->fd, batch, 6, 0), 6);
	op("sendmmsg");
	len = 0;
	for (size_t i = 0; i < 6; i++) {
		moved_iov(a, OUT, batch[i].msg_hdr.msg_iov, batch[i].msg_hdr.msg_iovlen,
			  batch[i].msg_len);
		len += batch[i].msg_len;
	}
	for (size_t have = 0; have < len;) {
		memset(batch, 0, sizeof(batch));
		for (size_t i = 0; i < 6; i++) {
			parts[i] = (struct iovec){buf + i * 1500, i == 1 ? 1 : 1400};
			batch[i].msg_hdr.msg_iov = &parts[i];
			batch[i].msg_hdr.msg_iovlen = 1;
		}
		int n = recvmmsg(b->fd, batch, 6, MSG_WAITFORONE, NULL);

		if (n <= 0)
			die("recvmmsg");
		for (int i = 0; i < n; i++) {
			moved_iov(b, IN, &parts[i], 1, batch[i].msg_len);
			have += batch[i].msg_len;
		}
	}
	op("recvmmsg");

	/* The third message cannot be read: two are sent. */
	memset(batch, 0, sizeof(batch));
	for (size_t i = 0; i < 4; i++) {
		parts[i] = (struct iovec){i == 2 ? bad : message(50), 50};
		batch[i].msg_hdr.msg_iov = &parts[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	must("sendmmsg", sendmmsg(a->fd, batch, 4, 0), 2);
	moved_iov(a, OUT, &parts[0], 1, 50);
	moved_iov(a, OUT, &parts[1], 1, 50);
	drain(b, 100);
}

static void stream_files(struct end *a, struct end *b)
{
	struct drainer drainer;
	unsigned char *bytes = message(300000), *from_pipe = malloc(300000);
	int file = scratch_file(bytes, 300000), pipes[2];
	off_t offset = 1000;

	must("sendfile", sendfile(a->fd, file, &offset, 5000), 5000);
	moved_as(a, OUT, bytes + 1000, 5000, true);
	drain(b, 5000);
	lseek(file, 10, SEEK_SET);
	must("sendfile", sendfile(a->fd, file, NULL, 20), 20);
	moved_as(a, OUT, bytes + 10, 20, true);
	drain(b, 20);
	drainer_start(&drainer, b, 300000);
	offset = 0;
	while (offset < 300000) {
		off_t before = offset;
		ssize_t n = sendfile(a->fd, file, &offset, 300000 - offset);

		if (n <= 0)
			die("sendfile");
		moved_as(a, OUT, bytes + before, n, true);
	}
	drainer_join(&drainer);
	offset = 299990;       /* past the end: what there is */
	must("sendfile", sendfile(a->fd, file, &offset, 1000), 10);
	moved_as(a, OUT, bytes + 299990, 10, true);
	drain(b, 10);
	must("sendfile at the end", sendfile(a->fd, file, &offset, 1000), 0);
	op("sendfile");

	if (pipe2(pipes, O_CLOEXEC))
		die("pipe");
	must("write to the pipe", write(pipes[1], bytes, 3000), 3000);
	must("splice", splice(pipes[0], NULL, a->fd, NULL, 3000, 0), 3000);
	moved_as(a, OUT, bytes, 3000, true);
	for (size_t have = 0; have < 3000;) {
		ssize_t n = splice(b->fd, NULL, pipes[1], NULL, 3000 - have, SPLICE_F_MOVE);

		if (n <= 0)
			die("splice from the socket");
		read_all(pipes[0], from_pipe, n);
		moved_as(b, IN, from_pipe, n, true);
		have += n;
	}
	/* From the file through the pipe to the socket, without one copy. */
	loff_t at = 4096;

	must("splice", splice(file, &at, pipes[1], NULL, 8192, 0), 8192);
	for (size_t sent = 0; sent < 8192;) {
		ssize_t n = splice(pipes[0], NULL, a->fd, NULL, 8192 - sent, SPLICE_F_MORE);

		if (n <= 0)
			die("splice to the socket");
		moved_as(a, OUT, bytes + 4096 + sent, n, true);
		sent += n;
	}
	must("write", moved(a, OUT, "after", write(a->fd, "after", 5)), 5);
	drain(b, 8197);
	fcntl(b->fd, F_SETFL, O_RDWR | O_NONBLOCK);
	must_fail("splice on empty",
		  splice(b->fd, NULL, pipes[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
	fcntl(b->fd, F_SETFL, O_RDWR);
	op("splice");
	close(pipes[0]);
	close(pipes[1]);
	close(file);
	free(from_pipe);
}

static void stream_large(struct end *a, struct end *b)
{
	static const size_t sizes[] = {65535, 65536, 65537, 200000, 1u << 20};
	struct drainer drainer;
	struct iovec many[1000];
	struct msghdr header = {.msg_iov = many, .msg_iovlen = 1000};

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		unsigned char *bytes = message(sizes[i]);

		drainer_start(&drainer, b, sizes[i]);
		must("large write", moved(a, OUT, bytes, i & 1 ? write(a->fd, bytes, sizes[i])
				: send(a->fd, bytes, sizes[i], MSG_NOSIGNAL)), sizes[i]);
		drainer_join(&drainer);
	}
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct iovec){message(1049), 1049};
	drainer_start(&drainer, b, 1049000);
	must("large writev", moved_iov(a, OUT, many, 1000, writev(a->fd, many, 1000)), 1049000);
	drainer_join(&drainer);
	drainer_start(&drainer, b, 1049000);
	must("large sendmsg", moved_iov(a, OUT, many, 1000, sendmsg(a->fd, &header, 0)), 1049000);
	drainer_join(&drainer);

	/* A large read: one call that takes 300,000 bytes. */
	unsigned char *buf = malloc(300000), *bytes = message(300000);

	pid_t child = fork(); /* its writes are its own: the truth here is only b's */
	if (child < 0)
		die("fork");
	if (!child) {
		for (size_t sent = 0; sent < 300000;) {
			ssize_t n = write(a->fd, bytes + sent, 300000 - sent);

			if (n <= 0)
				_exit(1);
			sent += n;
		}
		_exit(0);
	}
	moved(a, OUT, bytes, 300000); /* the same socket: one stream */
	must("large recv", moved(b, IN, buf, recv(b->fd, buf, 300000, MSG_WAITALL)), 300000);
	free(buf);
}

static void stream_partial(struct end *a, struct end *b)
{
	int small = 65536, flags = fcntl(a->fd, F_GETFL);
	size_t sent = 0;
	unsigned partial = 0;

	setsockopt(a->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(b->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	fcntl(a->fd, F_SETFL, flags | O_NONBLOCK);
	for (unsigned turn = 0; sent < (8u << 20); turn++) {
		unsigned char *bytes = message(150000);
		struct iovec iov[3] = {{bytes, 70000}, {bytes + 70000, 1}, {bytes + 70001, 79999}};
		ssize_t n = turn & 1 ? write(a->fd, bytes, 150000) : writev(a->fd, iov, 3);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			die("write");
		partial += n < 150000;
		sent += moved(a, OUT, bytes, n);
	}
	if (!partial)
		die("no write was partial");
	fcntl(a->fd, F_SETFL, flags);
	drain(b, sent);
}

static void stream_faults(struct end *a, struct end *b)
{
	static unsigned char buf[4096];
	unsigned char *bytes = message(3000);
	struct iovec half[2] = {{bytes, 1500}, {bad, 1500}};

	must_fail("write of bad memory", write(a->fd, bad, 100), EFAULT);
	must_fail("send of bad memory", send(a->fd, bad, 100, MSG_NOSIGNAL), EFAULT);
	/* Half is there: the kernel may send it or refuse; what it says counts. */
	ssize_t n = moved_iov(a, OUT, half, 2, writev(a->fd, half, 2));

	if (n > 0)
		drain(b, n);
	must("write", moved(a, OUT, bytes, write(a->fd, bytes, 1000)), 1000);
	must_fail("read to bad memory", read(b->fd, bad, 100), EFAULT);
	must_fail("recv to bad memory", recv(b->fd, bad, 100, 0), EFAULT);
	half[0] = (struct iovec){buf, 600};
	n = moved_iov(b, IN, half, 2, readv(b->fd, half, 2));
	drain(b, n > 0 ? 1000 - n : 1000);
	must_fail("writev of a bad vector", writev(a->fd, bad, 2), EFAULT);
	must_fail("write to no descriptor", write(9999, bytes, 10), EBADF);
	must_fail("recv from no descriptor", recv(9999, buf, 10, 0), EBADF);
	must_fail("send beyond vectors", writev(a->fd, half, too_many), EINVAL);
}

/* Memory that nobody has touched, and memory that is a file. */
static void stream_mappings(struct end *a, struct end *b)
{
	size_t len = 200000;
	int fds[3];
	struct drainer drainer;
	unsigned char *fresh = mmap(NULL, len, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *bytes = message(len);

	for (int i = 0; i < 3; i++)
		fds[i] = scratch_file(i == 2 ? noise : bytes, len);
	/* It is all zeros, but it is not there before the call. */
	drainer_start(&drainer, b, len);
	must("write of fresh memory", write(a->fd, fresh, len), len);
	moved(a, OUT, fresh, len);
	drainer_join(&drainer);
	munmap(fresh, len);

	unsigned char *mapped = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fds[0], 0);

	posix_fadvise(fds[0], 0, 0, POSIX_FADV_DONTNEED);
	drainer_start(&drainer, b, len);
	must("write of a mapped file", write(a->fd, mapped, len), len);
	moved(a, OUT, bytes, len);
	drainer_join(&drainer);
	munmap(mapped, len);

	/* Received into memory that is not there before the call, and which the
	 * program does not look at until later. */
	bytes = message(50000);
	fresh = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must("write", moved(a, OUT, bytes, write(a->fd, bytes, 50000)), 50000);
	must("recv", recv(b->fd, fresh + 4090, 50000, MSG_WAITALL), 50000);
	moved(b, IN, fresh + 4090, 50000);
	if (memcmp(fresh + 4090, bytes, 50000))
		die("received something else");
	mapped = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fds[2], 0);
	posix_fadvise(fds[2], 0, 0, POSIX_FADV_DONTNEED);
	must("write", moved(a, OUT, bytes, write(a->fd, bytes, 50000)), 50000);
	must("recv", recv(b->fd, mapped + 1, 50000, MSG_WAITALL), 50000);
	moved(b, IN, mapped + 1, 50000);
	/* Twice into the same place: each call's bytes are its own. */
	for (int i = 0; i < 20; i++) {
		bytes = message(100);
		must("write", moved(a, OUT, bytes, write(a->fd, bytes, 100)), 100);
		must("recv", moved(b, IN, fresh, recv(b->fd, fresh, 100, MSG_WAITALL)), 100);
	}
	munmap(mapped, len);
	munmap(fresh, len);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

/* What only TCP has. */
static void stream_tcp(struct end *a, struct end *b)
{
	static unsigned char buf[40000];
	int on = 1;
	unsigned char *bytes = message(30000);
	struct pollfd poll_urgent = {.fd = b->fd, .events = POLLPRI};

	must("send", moved(a, OUT, bytes, send(a->fd, bytes, 2000, 0)), 2000);
	read_all(b->fd, buf, 500);
	moved(b, IN, buf, 500);
	must("recv trunc", recv(b->fd, NULL, 700, MSG_TRUNC | MSG_WAITALL), 700);
	moved_as(b, IN, bytes + 500, 700, true);
	drain(b, 800);

	must("send urgent", moved(a, OUT, "u", send(a->fd, "u", 1, MSG_OOB)), 1);
	poll(&poll_urgent, 1, 2000);
	must("recv urgent", moved(b, IN, buf, recv(b->fd, buf, 1, MSG_OOB)), 1);
	must("send", moved(a, OUT, "next", send(a->fd, "next", 4, 0)), 4);
	drain(b, 4);

	if (!setsockopt(a->fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on))) {
		struct pollfd poll_error = {.fd = a->fd};
		char control[256];
		struct msghdr header = {.msg_control = control, .msg_controllen = sizeof(control)};

		must("send zerocopy", moved(a, OUT, bytes,
					    send(a->fd, bytes, 30000, MSG_ZEROCOPY)), 30000);
		drain(b, 30000);
		poll(&poll_error, 1, 2000);
		recvmsg(a->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT); /* no byte of the stream */
	}
}

static void stream_end(struct end *a, struct end *b)
{
	char buf[10];

	shutdown(a->fd, SHUT_WR);
	must_fail("send after shutdown", send(a->fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	must_fail("write after shutdown", write(a->fd, "x", 1), EPIPE);
	must("read at the end", read(b->fd, buf, sizeof(buf)), 0);
}

/* ---- datagrams -------------------------------------------------------------- */

static void datagrams(struct end *a, struct end *b, size_t largest)
{
	static unsigned char buf[262144];
	static const size_t sizes[] = {1, 512, 0, 1400, 9000, 3};
	struct iovec iov[8], parts[6], many[1024];
	struct mmsghdr batch[8];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	/* An empty packet of SOCK_SEQPACKET reads like the end. */
	unsigned char *bytes = message(largest);

	must_fail("recv on empty", recv(b->fd, buf, 10, MSG_DONTWAIT), EAGAIN);
	must("write", moved(a, OUT, bytes, write(a->fd, bytes, 700)), 700);
	must("read", moved(b, IN, buf, read(b->fd, buf, sizeof(buf))), 700);
	must("send", moved(a, OUT, bytes, send(a->fd, bytes, largest, 0)), largest);
	must("recvfrom", moved(b, IN, buf, recvfrom(b->fd, buf, sizeof(buf), 0,
						    (struct sockaddr *)&from, &from_len)), largest);
	/* Empty ones, twice, and one behind them. */
	must("send of nothing", send(a->fd, NULL, 0, 0), 0);
	must("sendto of nothing", sendto(a->fd, bytes, 0, 0, NULL, 0), 0);
	must("sendto", moved(a, OUT, bytes, sendto(a->fd, bytes, 9, 0, NULL, 0)), 9);
	must("recv of nothing", recv(b->fd, buf, sizeof(buf), 0), 0);
	must("read of nothing", read(b->fd, buf, sizeof(buf)), 0);
	must("recv", moved(b, IN, buf, recv(b->fd, buf, sizeof(buf), 0)), 9);
	/* Too long for the buffer: the rest is thrown away, or counted and thrown away. */
	bytes = message(1000);
	must("send", moved(a, OUT, bytes, send(a->fd, bytes, 1000, 0)), 1000);
	must("peek", recv(b->fd, buf, 10, MSG_PEEK), 10);
	must("peek", recv(b->fd, buf, 10, MSG_PEEK | MSG_TRUNC), 1000);
	must("recv cut", moved(b, IN, buf, recv(b->fd, buf, 100, 0)), 100);
	must("send", moved(a, OUT, bytes, send(a->fd, bytes, 1000, 0)), 1000);
	must("recv trunc", recv(b->fd, buf, 100, MSG_TRUNC), 1000);
	moved(b, IN, buf, 100);
	moved_as(b, IN, bytes + 100, 900, true);
	must("send", moved(a, OUT, bytes, send(a->fd, bytes, 50, 0)), 50);
	must("read cut", moved(b, IN, buf, read(b->fd, buf, 20)), 20);

	size_t count = odd_iov(iov, message(2103), true), len = iov_size(iov, count);
	struct msghdr header = {.msg_iov = iov, .msg_iovlen = count};

	must("writev", moved_iov(a, OUT, iov, count, writev(a->fd, iov, count)), len);
	must("sendmsg", moved_iov(a, OUT, iov, count, sendmsg(a->fd, &header, 0)), len);
	must("pwritev2", moved_iov(a, OUT, iov, count, pwritev2(a->fd, iov, count, -1, 0)), len);
	odd_iov(iov, buf, false);
	must("readv", moved_iov(b, IN, iov, count, readv(b->fd, iov, count)), len);
	must("recvmsg", moved_iov(b, IN, iov, count, recvmsg(b->fd, &header, 0)), len);
	must("preadv2", moved_iov(b, IN, iov, count, preadv2(b->fd, iov, count, -1, 0)), len);
	bytes = message(1024);
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct iovec){bytes + i, 1};
	must("writev of 1024", moved_iov(a, OUT, many, 1024, writev(a->fd, many, 1024)), 1024);
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct iovec){buf + i * 2, 1};
	must("readv of 1024", moved_iov(b, IN, many, 1024, readv(b->fd, many, 1024)), 1024);

	memset(batch, 0, sizeof(batch));
	for (size_t i = 0; i < 6; i++) {
		parts[i] = (struct iovec){message(sizes[i]), sizes[i]};
		batch[i].msg_hdr.msg_iov = &parts[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	must("sendmmsg", sendmmsg(a->fd, batch, 6, 0), 6);
	for (size_t i = 0; i < 6; i++)
		moved_iov(a, OUT, &parts[i], 1, batch[i].msg_len);
	/* Room for eight, one of them small: there are six, one is cut. */
	struct iovec rooms[8];

	memset(batch, 0, sizeof(batch));
	for (size_t i = 0; i < 8; i++) {
		rooms[i] = (struct iovec){buf + i * 10000, i == 3 ? 1000 : 10000};
		batch[i].msg_hdr.msg_iov = &rooms[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	must("recvmmsg", recvmmsg(b->fd, batch, 8, MSG_DONTWAIT, NULL), 6);
	for (size_t i = 0; i < 6; i++)
		moved_iov(b, IN, &rooms[i], 1, batch[i].msg_len);
	must_fail("recvmmsg on empty", recvmmsg(b->fd, batch, 8, MSG_DONTWAIT, NULL), EAGAIN);
	must_fail("send of bad memory", send(a->fd, bad, 100, 0), EFAULT);
	must_fail("too long", send(a->fd, noise, 3u << 20, MSG_NOSIGNAL), EMSGSIZE);
}

/* ---- io_uring ----------------------------------------------------------------- */

struct uring {
	int fd;
	unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	void *ring;
	size_t ring_size, sqes_size;
};

static bool uring_open(struct uring *uring)
{
	struct io_uring_params params = {0};

	uring->fd = syscall(__NR_io_uring_setup, 16, &params);
	if (uring->fd < 0) {
		fprintf(truth, "skip io_uring %s\n", strerror(errno));
		return false;
	}
	if (!(params.features & IORING_FEAT_SINGLE_MMAP)) {
		fprintf(truth, "skip io_uring it is too old\n");
		close(uring->fd);
		return false;
	}
	size_t sq = params.sq_off.array + params.sq_entries * sizeof(unsigned);
	size_t cq = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);

	uring->ring_size = sq > cq ? sq : cq;
	uring->sqes_size = params.sq_entries * sizeof(struct io_uring_sqe);
	char *ring = mmap(NULL, uring->ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, uring->fd,
			  IORING_OFF_SQ_RING);

	uring->sqes = mmap(NULL, uring->sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED, uring->fd,
			   IORING_OFF_SQES);
	if (ring == MAP_FAILED || uring->sqes == MAP_FAILED)
		die("io_uring mmap");
	uring->ring = ring;
	uring->sq_tail = (unsigned *)(ring + params.sq_off.tail);
	uring->sq_mask = (unsigned *)(ring + params.sq_off.ring_mask);
	uring->sq_array = (unsigned *)(ring + params.sq_off.array);
	uring->cq_head = (unsigned *)(ring + params.cq_off.head);
	uring->cq_tail = (unsigned *)(ring + params.cq_off.tail);
	uring->cq_mask = (unsigned *)(ring + params.cq_off.ring_mask);
	uring->cqes = (struct io_uring_cqe *)(ring + params.cq_off.cqes);
	return true;
}

static void uring_close(struct uring *uring)
{
	munmap(uring->ring, uring->ring_size);
	munmap(uring->sqes, uring->sqes_size);
	close(uring->fd);
}

static void uring_submit(struct uring *uring, int code, int fd, const void *addr, unsigned len,
			 int sqe_flags, int msg_flags)
{
	unsigned tail = *uring->sq_tail, index = tail & *uring->sq_mask;
	struct io_uring_sqe *sqe = &uring->sqes[index];
	bool positioned = code == IORING_OP_READ || code == IORING_OP_WRITE ||
			  code == IORING_OP_READV || code == IORING_OP_WRITEV ||
			  code == IORING_OP_READ_FIXED || code == IORING_OP_WRITE_FIXED;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = code;
	sqe->flags = sqe_flags;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)addr;
	sqe->len = len;
	if (positioned)
		sqe->off = (uint64_t)-1;
	else
		sqe->msg_flags = msg_flags;
	uring->sq_array[index] = index;
	__atomic_store_n(uring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, uring->fd, 1, 0, 0, NULL, 0) != 1)
		die("io_uring_enter");
}

static int uring_result(struct uring *uring)
{
	int result;
	bool more;

	while (*uring->cq_head == __atomic_load_n(uring->cq_tail, __ATOMIC_ACQUIRE))
		if (syscall(__NR_io_uring_enter, uring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0 &&
		    errno != EINTR)
			die("io_uring_enter");
	struct io_uring_cqe *cqe = &uring->cqes[*uring->cq_head & *uring->cq_mask];

	result = cqe->res;
	more = cqe->flags & IORING_CQE_F_MORE;
	__atomic_store_n(uring->cq_head, *uring->cq_head + 1, __ATOMIC_RELEASE);
	if (more) /* the notice that a zero-copy send is done with its memory */
		uring_result(uring);
	return result;
}

static void uring_calls(struct end *a, struct end *b)
{
	static unsigned char buf[65536];
	struct uring uring;
	struct iovec iov[8];
	unsigned char *bytes = message(5000);

	if (!uring_open(&uring))
		return;
	for (int worker = 0; worker < 2; worker++) {
		int flags = worker ? IOSQE_ASYNC : 0;
		static const struct { int code, len; } sends[] = {
			{IORING_OP_SEND, 1}, {IORING_OP_SEND, 1300}, {IORING_OP_WRITE, 2500},
			{IORING_OP_SEND_ZC, 1111}};
		static const int receives[] = {IORING_OP_RECV, IORING_OP_READ};

		for (size_t i = 0; i < COUNT_OF(sends); i++) {
			uring_submit(&uring, sends[i].code, a->fd, bytes, sends[i].len, flags, 0);
			int n = uring_result(&uring);

			if (sends[i].code == IORING_OP_SEND_ZC && n < 0)
				continue; /* not in this kernel, or not for this socket */
			must("io_uring send", n, sends[i].len);
			moved_as(a, OUT, bytes, n, true);
			uring_submit(&uring, receives[i & 1], b->fd, buf, sizeof(buf), flags, 0);
			n = uring_result(&uring);
			must("io_uring receive", n, sends[i].len);
			moved_as(b, IN, buf, n, true);
		}
		/* The receive is there before the bytes are. */
		uring_submit(&uring, IORING_OP_RECV, b->fd, buf, sizeof(buf), flags, 0);
		must("write", moved(a, OUT, bytes, write(a->fd, bytes, 321)), 321);
		int n = uring_result(&uring);

		must("io_uring late receive", n, 321);
		moved_as(b, IN, buf, n, true);

		size_t count = odd_iov(iov, message(2103), true), len = iov_size(iov, count);
		struct msghdr header = {.msg_iov = iov, .msg_iovlen = count};

		uring_submit(&uring, IORING_OP_SENDMSG, a->fd, &header, 1, flags, 0);
		must("io_uring sendmsg", uring_result(&uring), len);
		moved_iov_as(a, OUT, iov, count, len, true);
		odd_iov(iov, buf, false);
		uring_submit(&uring, IORING_OP_RECVMSG, b->fd, &header, 1, flags, 0);
		must("io_uring recvmsg", uring_result(&uring), len);
		moved_iov_as(b, IN, iov, count, len, true);
		odd_iov(iov, message(2103), true);
		iov[4].iov_base = NULL; /* io_uring looks at the address of nothing too */
		uring_submit(&uring, IORING_OP_WRITEV, a->fd, iov, count, flags, 0);
		must("io_uring writev", uring_result(&uring), len);
		moved_iov_as(a, OUT, iov, count, len, true);
		odd_iov(iov, buf, false);
		iov[4].iov_base = NULL;
		uring_submit(&uring, IORING_OP_READV, b->fd, iov, count, flags, 0);
		must("io_uring readv", uring_result(&uring), len);
		moved_iov_as(b, IN, iov, count, len, true);
	}
	uring_submit(&uring, IORING_OP_RECV, b->fd, buf, 100, 0, MSG_DONTWAIT);
	must("io_uring receive on empty", uring_result(&uring), -EAGAIN);
	uring_submit(&uring, IORING_OP_SEND, a->fd, bad, 100, 0, 0);
	must("io_uring send of bad memory", uring_result(&uring), -EFAULT);

	struct iovec fixed = {buf, sizeof(buf)};

	if (!syscall(__NR_io_uring_register, uring.fd, IORING_REGISTER_BUFFERS, &fixed, 1)) {
		memcpy(buf, bytes, 900);
		uring_submit(&uring, IORING_OP_WRITE_FIXED, a->fd, buf, 900, 0, 0);
		must("io_uring write fixed", uring_result(&uring), 900);
		moved_as(a, OUT, buf, 900, true);
		uring_submit(&uring, IORING_OP_READ_FIXED, b->fd, buf + 1000, 900, 0, 0);
		must("io_uring read fixed", uring_result(&uring), 900);
		moved_as(b, IN, buf + 1000, 900, true);
	}
	/* And an ordinary call behind it all is at its right place. */
	must("write", moved(a, OUT, "behind", write(a->fd, "behind", 6)), 6);
	must("read", moved(b, IN, buf, read(b->fd, buf, 100)), 6);
	op("io_uring");
	uring_close(&uring);
}

static void *uring_run(void *argument)
{
	struct end **ends = argument;

	uring_calls(ends[0], ends[1]);
	return NULL;
}

/* In a thread of its own: what a ring leaves to be done later looks like a
 * signal to its thread's other calls, which then end early. */
static void uring_traffic(struct end *a, struct end *b)
{
	struct end *ends[2] = {a, b};
	pthread_t thread;

	if (pthread_create(&thread, NULL, uring_run, ends))
		die("pthread_create");
	pthread_join(thread, NULL);
}

/* ---- all of it -------------------------------------------------------------------- */

static void stream_battery(int fds[2], const char *transport)
{
	struct end ends[2];

	for (int i = 0; i < 2; i++)
		end_init(&ends[i], fds[i], transport);
	for (int i = 0; i < 2; i++) {
		struct end *a = &ends[i], *b = &ends[!i];

		stream_plain(a, b);
		stream_vectors(a, b);
		stream_flags(a, b);
		stream_messages(a, b);
		stream_files(a, b);
		stream_faults(a, b);
		stream_mappings(a, b);
		uring_traffic(a, b);
		if (!strcmp(transport, "tcp"))
			stream_tcp(a, b);
		if (i == 0)
			stream_large(a, b);
	}
	stream_partial(&ends[0], &ends[1]);
	stream_end(&ends[0], &ends[1]);
	end_close(&ends[0]);
	end_close(&ends[1]);
}

static void datagram_battery(int fds[2], const char *transport, size_t largest)
{
	struct end ends[2];

	for (int i = 0; i < 2; i++)
		end_init(&ends[i], fds[i], transport);
	datagrams(&ends[0], &ends[1], largest);
	datagrams(&ends[1], &ends[0], largest);
	uring_traffic(&ends[0], &ends[1]);
	end_close(&ends[0]);
	end_close(&ends[1]);
}

static bool chosen(int argc, char **argv, const char *name)
{
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc <= 2;
}

int main(int argc, char **argv)
{
	char path[256];
	int fds[2];
	uint64_t state = 88172645463325252ull;

	if (argc < 2) {
		fprintf(stderr, "usage: calls TRUTH [tcp|tcp6|udp|stream|dgram|seqpacket|pair...]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	truth = fopen(argv[1], "we");
	if (!truth)
		die("%s", argv[1]);
	directory = strdup(argv[1]);
	if (strrchr(directory, '/'))
		*strrchr(directory, '/') = 0;
	else
		directory = ".";
	noise = malloc(NOISE + 8);
	for (size_t i = 0; i < NOISE; i += 8) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(noise + i, &state, 8);
	}
	snprintf(path, sizeof(path), "%s/calls%d.sock", directory, getpid());
	if (chosen(argc, argv, "tcp")) {
		tcp_pair(fds, AF_INET, 0);
		stream_battery(fds, "tcp");
	}
	if (chosen(argc, argv, "tcp6")) {
		tcp_pair(fds, AF_INET6, 0);
		stream_battery(fds, "tcp");
	}
	if (chosen(argc, argv, "udp")) {
		udp_pair(fds, AF_INET);
		datagram_battery(fds, "udp", 60000);
	}
	if (chosen(argc, argv, "stream")) {
		unix_pair(fds, SOCK_STREAM, path);
		stream_battery(fds, "unix");
	}
	if (chosen(argc, argv, "dgram")) {
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds))
			die("socketpair");
		datagram_battery(fds, "unix", 100000);
	}
	if (chosen(argc, argv, "seqpacket")) {
		unix_pair(fds, SOCK_SEQPACKET, path);
		datagram_battery(fds, "unix", 100000);
	}
	if (chosen(argc, argv, "pair")) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
			die("socketpair");
		stream_battery(fds, "unix");
	}
	unlink(path);
	if (fclose(truth))
		die("%s", argv[1]);
	return 0;
}
