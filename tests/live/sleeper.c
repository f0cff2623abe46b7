/* sleeper: opens a connection of each kind in itself, sends "before NAME\n" each
 * way, says what it has, and waits. Each line WORD on stdin makes it send
 * "WORD NAME\n" from the first end and "WORD re NAME\n" from the second of each,
 * and say "done WORD". `fork WORD` does so from a child, `thread WORD` from
 * another thread. Ends with stdin. Says first:
 *
 *	conn NAME TRANSPORT FD LOCAL REMOTE FD LOCAL REMOTE
 *	ready PID
 */
#include "workload.h"

#include <pthread.h>
#include <sys/wait.h>

static struct kind {
	const char *name, *transport;
	int fds[2];
} kinds[] = {
	{"tcp4", "tcp", {-1, -1}}, {"tcp6", "tcp", {-1, -1}}, {"mapped", "tcp", {-1, -1}},
	{"udp4", "udp", {-1, -1}}, {"udp6", "udp", {-1, -1}}, {"stream", "unix", {-1, -1}},
	{"dgram", "unix", {-1, -1}}, {"pair", "unix", {-1, -1}},
};

static void talk(struct kind *kind, const char *word)
{
	char text[256], buf[256];

	for (int i = 0; i < 2; i++) {
		int len = snprintf(text, sizeof(text), "%s%s %s\n", word, i ? " re" : "", kind->name);

		if (i == 1 && !strcmp(kind->name, "dgram"))
			return; /* its first end has no name to send to */
		if (write(kind->fds[i], text, len) != len)
			die("write %s", kind->name);
		read_all(kind->fds[!i], buf, len);
		if (memcmp(buf, text, len))
			die("%s heard something else", kind->name);
	}
}

static void talk_all(const char *word)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		talk(&kinds[i], word);
}

static void *talk_thread(void *word)
{
	talk_all(word);
	return NULL;
}

int main(void)
{
	char path[64], line[128], local[2][128], remote[2][128];

	snprintf(path, sizeof(path), "/tmp/sleeper%d.sock", getpid());
	tcp_pair(kinds[0].fds, AF_INET, 0);
	tcp_pair(kinds[1].fds, AF_INET6, 0);
	tcp_pair(kinds[2].fds, AF_INET6, 1);
	udp_pair(kinds[3].fds, AF_INET);
	udp_pair(kinds[4].fds, AF_INET6);
	unix_pair(kinds[5].fds, SOCK_STREAM, path);
	unlink(path);
	strcat(path, "d");
	unix_pair(kinds[6].fds, SOCK_DGRAM, path);
	unlink(path);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, kinds[7].fds))
		die("socketpair");
	talk_all("before");
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		for (int end = 0; end < 2; end++) {
			local_text(local[end], sizeof(local[end]), kinds[i].fds[end]);
			remote_text(remote[end], sizeof(remote[end]), kinds[i].fds[end]);
		}
		printf("conn %s %s %d %s %s %d %s %s\n", kinds[i].name, kinds[i].transport,
		       kinds[i].fds[0], local[0], remote[0], kinds[i].fds[1], local[1], remote[1]);
	}
	printf("ready %d\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "fork ", 5)) {
			pid_t child = fork();

			if (!child) {
				talk_all(line + 5);
				_exit(0);
			}
			waitpid(child, NULL, 0);
			printf("done %s %d\n", line + 5, child);
		} else if (!strncmp(line, "thread ", 7)) {
			pthread_t thread;

			pthread_create(&thread, NULL, talk_thread, line + 7);
			pthread_join(thread, NULL);
			printf("done %s\n", line + 7);
		} else {
			talk_all(line);
			printf("done %s\n", line);
		}
		fflush(stdout);
	}
	return 0;
}
