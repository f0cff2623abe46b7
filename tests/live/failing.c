/* failing [-n] [-t MS] ADDRESS PORT | unix PATH: one connect that is to fail. -n:
 * nonblocking, then poll. -t MS: TCP_USER_TIMEOUT and one SYN more. Says
 * "failed ERRNO MILLISECONDS PID", or "connected". */
#include "workload.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>

static int attempt(int fd, const struct sockaddr *address, socklen_t len, int wait)
{
	int error = connect(fd, address, len) ? errno : 0;
	socklen_t error_len = sizeof(error);
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	if (error != EINPROGRESS || !wait)
		return error;
	if (poll(&poll_fd, 1, 20000) != 1)
		die("poll");
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
	return error;
}

int main(int argc, char **argv)
{
	struct sockaddr_storage storage = {0};
	struct timespec before, after;
	int option, nonblocking = 0, timeout = 0, one = 1;
	socklen_t len;

	while ((option = getopt(argc, argv, "nt:")) != -1) {
		if (option == 'n')
			nonblocking = SOCK_NONBLOCK;
		else if (option == 't')
			timeout = atoi(optarg);
		else
			return 2;
	}
	if (argc - optind != 2)
		return 2;
	const char *address = argv[optind], *port = argv[optind + 1];

	if (!strcmp(address, "unix")) {
		struct sockaddr_un *un = (struct sockaddr_un *)&storage;

		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof(un->sun_path), "%s", port);
		len = sizeof(*un);
	} else if (strchr(address, ':')) {
		len = loopback(&storage, AF_INET6, 0, atoi(port));
		inet_pton(AF_INET6, address, &((struct sockaddr_in6 *)&storage)->sin6_addr);
	} else {
		len = loopback(&storage, AF_INET, 0, atoi(port));
		inet_pton(AF_INET, address, &((struct sockaddr_in *)&storage)->sin_addr);
	}
	int fd = socket(storage.ss_family, SOCK_STREAM | nonblocking, 0);

	if (fd < 0)
		die("socket");
	if (timeout) {
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
		setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof(one));
	}
	clock_gettime(CLOCK_MONOTONIC, &before);
	int error = attempt(fd, (struct sockaddr *)&storage, len, nonblocking);

	clock_gettime(CLOCK_MONOTONIC, &after);
	if (error)
		printf("failed %d %.3f %d\n", error, (after.tv_sec - before.tv_sec) * 1e3 +
		       (after.tv_nsec - before.tv_nsec) / 1e6, getpid());
	else
		printf("connected\n");
	return 0;
}
