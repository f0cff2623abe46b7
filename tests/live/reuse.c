/* reuse [ROUNDS]: descriptor numbers that mean another connection from one
 * moment to the next, and connections that go by many numbers. Says:
 *
 *	pair N TRANSPORT PID LOCAL REMOTE    "ask N" went out of LOCAL, "answer N" came back
 *	same WHAT LOCAL REMOTE PID FD TEXT   TEXT went out of LOCAL through that descriptor
 *	got WHAT LOCAL REMOTE PID FD TEXT    TEXT came in at LOCAL through that descriptor
 */
#include "workload.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("write %s", text);
}

static void hear(int fd, const char *text)
{
	char buf[128];

	read_all(fd, buf, strlen(text));
	if (memcmp(buf, text, strlen(text)))
		die("heard %.*s, not %s", (int)strlen(text), buf, text);
}

static void rounds(int count)
{
	char ask[32], answer[32], local[128], remote[128];
	int listener = tcp_listen(AF_INET, 0);

	for (int i = 0; i < count; i++) {
		int fds[2];
		const char *transport = "tcp";

		if (i % 4 == 2) {
			transport = "unix";
			if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
				die("socketpair");
		} else if (i % 4 == 3) {
			transport = "udp";
			udp_pair(fds, AF_INET);
		} else {
			fds[0] = tcp_connect(AF_INET, 0, port_of(listener));
			fds[1] = accept(listener, NULL, NULL);
		}
		snprintf(ask, sizeof(ask), "ask %d\n", i);
		snprintf(answer, sizeof(answer), "answer %d\n", i);
		local_text(local, sizeof(local), fds[0]);
		remote_text(remote, sizeof(remote), fds[0]);
		say(fds[0], ask);
		hear(fds[1], ask);
		say(fds[1], answer);
		hear(fds[0], answer);
		close(fds[0]);
		close(fds[1]);
		printf("pair %d %s %d %s %s\n", i, transport, getpid(), local, remote);
	}
	close(listener);
}

static void tell(const char *word, const char *what, int fd, const char *text)
{
	char local[128], remote[128];

	local_text(local, sizeof(local), fd);
	remote_text(remote, sizeof(remote), fd);
	printf("%s %s %s %s %d %d %s", word, what, local, remote, getpid(), fd, text);
	fflush(stdout);
}

static void say_as(const char *what, int fd, const char *text)
{
	say(fd, text);
	tell("same", what, fd, text);
}

static void pass(int over, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {"p", 1};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				.msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	if (sendmsg(over, &header, 0) != 1)
		die("sendmsg");
}

static int passed(int over)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				.msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(over, &header, 0) != 1)
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(int));
	return fd;
}

static void await(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || status)
		die("a child ended with %d", status);
}

static void names(const char *self)
{
	int fds[2], over[2];

	tcp_pair(fds, AF_INET, 0);
	say_as("first", fds[0], "first\n");
	int copy = dup(fds[0]);

	say_as("dup", copy, "by dup\n");
	close(copy);
	if (dup2(fds[0], 77) != 77 || dup3(fds[0], 78, O_CLOEXEC) != 78)
		die("dup2");
	say_as("dup2", 77, "by dup2\n");
	say_as("dup3", 78, "by dup3\n");
	copy = fcntl(fds[0], F_DUPFD, 90);
	say_as("fcntl", copy, "by fcntl\n");
	close(copy);
	close(77);
	close(78);

	pid_t child = fork();

	if (!child) {
		say_as("fork", fds[0], "by a child\n");
		_exit(0);
	}
	await(child);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, over))
		die("socketpair");
	child = fork();
	if (!child) {
		close(fds[0]);
		close(fds[1]);
		int got = passed(over[1]);

		say_as("passed", got, "by one it was passed to\n");
		_exit(0);
	}
	pass(over[0], fds[0]);
	await(child);

	child = fork();
	if (!child) {
		dup2(fds[0], 50);
		execl(self, "reuse", "heir", "50", NULL);
		_exit(1);
	}
	await(child);

	/* The number stands for another connection, then for the first again. */
	int others[2], kept = dup(fds[0]), was = fds[0];

	tcp_pair(others, AF_INET, 0);
	dup2(others[0], was);
	say_as("replaced", was, "on the other connection\n");
	dup2(kept, was);
	say_as("restored", was, "on the first again\n");
	close(kept);
	hear(fds[1], "first\nby dup\nby dup2\nby dup3\nby fcntl\nby a child\nby one it was passed to\n"
	     "by an heir\non the first again\n");
	tell("got", "all", fds[1], "all of it\n");
	hear(others[1], "on the other connection\n");
	for (int i = 0; i < 2; i++) {
		close(others[i]);
		close(fds[i]);
		close(over[i]);
	}
}

static void *wait_for_it(void *argument)
{
	hear(*(int *)argument, "for the old one\n");
	return NULL;
}

/* A read that waits on a number which meanwhile is given to another socket. */
static void stolen(void)
{
	int old[2], other[2];
	char local[128], remote[128];
	pthread_t thread;

	tcp_pair(old, AF_INET, 0);
	tcp_pair(other, AF_INET, 0);
	local_text(local, sizeof(local), old[0]);
	remote_text(remote, sizeof(remote), old[0]);
	pthread_create(&thread, NULL, wait_for_it, &old[0]);
	usleep(50000);
	int kept = dup(old[0]);

	dup2(other[0], old[0]);
	say(old[1], "for the old one\n");
	pthread_join(thread, NULL);
	printf("got stolen %s %s %d %d for the old one\n", local, remote, getpid(), old[0]);
	say_as("thief", old[0], "by the new one\n");
	hear(other[1], "by the new one\n");
	close(kept);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "heir")) {
		say_as("exec", atoi(argv[2]), "by an heir\n");
		return 0;
	}
	rounds(argc > 1 ? atoi(argv[1]) : 400);
	fflush(stdout);
	names("/proc/self/exe");
	stolen();
	return 0;
}
