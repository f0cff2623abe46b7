/* What the workload programs of the live tests share. They know nothing of
 * glasstap: each does one kind of traffic and says exactly what it did. */
#ifndef GLASSTAP_WORKLOAD_H
#define GLASSTAP_WORKLOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

__attribute__((format(printf, 1, 2), noreturn, unused))
static void die(const char *format, ...)
{
	int saved = errno;
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (errno %d: %s)\n", saved, strerror(saved));
	exit(99);
}

/* The loopback address of a family; AF_INET6 with `mapped`: ::ffff:127.0.0.1. */
__attribute__((unused))
static socklen_t loopback(struct sockaddr_storage *storage, int family, int mapped, int port)
{
	memset(storage, 0, sizeof(*storage));
	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)storage;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	inet_pton(AF_INET6, mapped ? "::ffff:127.0.0.1" : "::1", &in6->sin6_addr);
	return sizeof(*in6);
}

/* An address as glasstap is to show it; "-" for none. */
__attribute__((unused))
static void address_text(char *text, size_t size, const struct sockaddr_storage *storage,
			 socklen_t len)
{
	char ip[INET6_ADDRSTRLEN];

	snprintf(text, size, "-");
	if (storage->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)storage;

		inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
		snprintf(text, size, "%s:%d", ip, ntohs(in->sin_port));
	} else if (storage->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;
		int port = ntohs(in6->sin6_port);

		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			inet_ntop(AF_INET, in6->sin6_addr.s6_addr + 12, ip, sizeof(ip));
			snprintf(text, size, "%s:%d", ip, port);
		} else {
			inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
			snprintf(text, size, "[%s]:%d", ip, port);
		}
	} else if (storage->ss_family == AF_UNIX && len > offsetof(struct sockaddr_un, sun_path)) {
		const struct sockaddr_un *un = (const struct sockaddr_un *)storage;

		if (un->sun_path[0])
			snprintf(text, size, "%s", un->sun_path);
	}
}

__attribute__((unused))
static void local_text(char *text, size_t size, int fd)
{
	struct sockaddr_storage storage = {0};
	socklen_t len = sizeof(storage);

	if (getsockname(fd, (struct sockaddr *)&storage, &len))
		len = 0;
	address_text(text, size, &storage, len);
}

__attribute__((unused))
static void remote_text(char *text, size_t size, int fd)
{
	struct sockaddr_storage storage = {0};
	socklen_t len = sizeof(storage);

	if (getpeername(fd, (struct sockaddr *)&storage, &len))
		len = 0;
	address_text(text, size, &storage, len);
}

__attribute__((unused))
static int port_of(int fd)
{
	struct sockaddr_storage storage = {0};
	socklen_t len = sizeof(storage);

	if (getsockname(fd, (struct sockaddr *)&storage, &len))
		die("getsockname");
	return storage.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&storage)->sin_port)
					    : ntohs(((struct sockaddr_in6 *)&storage)->sin6_port);
}

__attribute__((unused))
static int tcp_listen(int family, int mapped)
{
	struct sockaddr_storage storage;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int off = 0;

	if (fd < 0)
		die("socket");
	if (mapped)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	socklen_t len = loopback(&storage, family, mapped, 0);

	if (bind(fd, (struct sockaddr *)&storage, len) || listen(fd, 4096))
		die("listen");
	return fd;
}

__attribute__((unused))
static int tcp_connect(int family, int mapped, int port)
{
	struct sockaddr_storage storage;
	socklen_t len = loopback(&storage, family, mapped, port);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&storage, len))
		die("connect");
	return fd;
}

__attribute__((unused))
static void tcp_pair(int fds[2], int family, int mapped)
{
	int listener = tcp_listen(family, mapped);

	fds[0] = tcp_connect(family, mapped, port_of(listener));
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fds[1] < 0)
		die("accept");
	close(listener);
}

/* Two UDP sockets connected to each other. */
__attribute__((unused))
static void udp_pair(int fds[2], int family)
{
	struct sockaddr_storage storage[2];
	socklen_t len = 0;

	for (int i = 0; i < 2; i++) {
		fds[i] = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		len = loopback(&storage[i], family, 0, 0);
		if (fds[i] < 0 || bind(fds[i], (struct sockaddr *)&storage[i], len))
			die("udp");
		len = sizeof(storage[i]);
		getsockname(fds[i], (struct sockaddr *)&storage[i], &len);
	}
	for (int i = 0; i < 2; i++)
		if (connect(fds[i], (struct sockaddr *)&storage[!i], len))
			die("udp connect");
}

/* Two unix sockets, the second bound to (or accepted on) `path`. */
__attribute__((unused))
static void unix_pair(int fds[2], int type, const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(un.sun_path))
		die("path too long: %s", path);
	memcpy(un.sun_path, path, strlen(path) + 1);
	unlink(path);
	fds[0] = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (server < 0 || fds[0] < 0 || bind(server, (struct sockaddr *)&un, sizeof(un)) ||
	    (type != SOCK_DGRAM && listen(server, 8)) ||
	    connect(fds[0], (struct sockaddr *)&un, sizeof(un)))
		die("unix %s", path);
	if (type == SOCK_DGRAM) {
		fds[1] = server;
		return;
	}
	fds[1] = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	if (fds[1] < 0)
		die("accept");
	close(server);
}

/* Reads exactly `len` bytes; dies otherwise. */
__attribute__((unused))
static void read_all(int fd, void *to, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = read(fd, (char *)to + have, len - have);

		if (n <= 0)
			die("read of %zu bytes ended at %zu", len, have);
		have += n;
	}
}

#endif
