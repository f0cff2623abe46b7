/* connects one|many COUNT [PORTS [silent]]: COUNT short TCP connections, from
 * one process or each from a process of its own, to a server process which
 * accepts, reads a line and closes (`silent`: accepts and closes). Says:
 *
 *	server PID PORT
 *	client PID PORT SERVER_PORT    for each connection
 *	seconds S
 */
#include "workload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_PORTS 16

static atomic_int left;
static int silent;

static void *serve(void *argument)
{
	int listener = *(int *)argument;
	char buf[64];

	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			die("accept");
		if (!silent && read(fd, buf, sizeof(buf)) <= 0)
			die("server read");
		close(fd);
		if (atomic_fetch_sub(&left, 1) == 1)
			_exit(0);
	}
	return NULL;
}

static void visit(int port, int number)
{
	char buf[64];
	int fd = tcp_connect(AF_INET, 0, port);
	int len = snprintf(buf, sizeof(buf), "hello %d\n", number);

	if (!silent && write(fd, buf, len) != len)
		die("write");
	printf("client %d %d %d\n", getpid(), port_of(fd), port);
	if (read(fd, buf, sizeof(buf)) != 0)
		die("client read");
	close(fd);
}

int main(int argc, char **argv)
{
	struct timespec before, after;
	int listeners[MAX_PORTS], ports[MAX_PORTS], status;

	if (argc < 3 || (strcmp(argv[1], "one") && strcmp(argv[1], "many"))) {
		fprintf(stderr, "usage: connects one|many COUNT [PORTS [silent]]\n");
		return 2;
	}
	int count = atoi(argv[2]), port_count = argc > 3 ? atoi(argv[3]) : 1;

	silent = argc > 4;
	if (port_count < 1 || port_count > MAX_PORTS)
		return 2;
	for (int i = 0; i < port_count; i++) {
		listeners[i] = tcp_listen(AF_INET, 0);
		ports[i] = port_of(listeners[i]);
	}
	pid_t server = fork();

	if (!server) {
		pthread_t thread;

		atomic_store(&left, count);
		for (int i = 1; i < port_count; i++)
			pthread_create(&thread, NULL, serve, &listeners[i]);
		serve(&listeners[0]);
	}
	for (int i = 0; i < port_count; i++) {
		close(listeners[i]);
		printf("server %d %d\n", server, ports[i]);
	}
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < count; i++) {
		if (!strcmp(argv[1], "one")) {
			visit(ports[i % port_count], i);
			continue;
		}
		pid_t child = fork();

		if (!child) {
			visit(ports[i % port_count], i);
			fflush(stdout);
			_exit(0);
		}
		if (waitpid(child, &status, 0) != child || status)
			die("a client ended with %d", status);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (waitpid(server, &status, 0) != server || status)
		die("the server ended with %d", status);
	printf("seconds %.6f\n", after.tv_sec - before.tv_sec + (after.tv_nsec - before.tv_nsec) / 1e9);
	return 0;
}
