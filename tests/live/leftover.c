/* leftover: calls that leave something behind, which must not be taken for a part
 * of the next one. Says:
 *
 *	other ADDRESS      who sent "from the other", received without asking
 *	peeked ADDRESS     who sent what was peeked at, with the sender, before
 *	part BYTES         what a sendmmsg has sent of its first message; the next sends
 *	                   "FIRST" and "second" */
#include "workload.h"

#include <fcntl.h>

/* A sender that was asked for while peeking; then a datagram of somebody else. */
static void peek(void)
{
	int first[2], second[2];
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char buf[64], local[128];

	udp_pair(first, AF_INET);
	udp_pair(second, AF_INET);
	if (send(first[0], "peeked at", 9, 0) != 9 || send(second[0], "from the other", 14, 0) != 14)
		die("send");
	if (recvfrom(first[1], buf, sizeof(buf), MSG_PEEK, (void *)&from, &len) != 9)
		die("peek");
	if (recv(second[1], buf, sizeof(buf), 0) != 14)
		die("recv");
	local_text(local, sizeof(local), second[0]);
	printf("other %s\n", local);
	local_text(local, sizeof(local), first[0]);
	printf("peeked %s\n", local);
}

/* The first message does not fit; the same array again begins with it again. */
static void part(void)
{
	static char large[4 << 20], sink[1 << 20];
	struct iovec parts[2] = { { large, sizeof(large) }, { "second", 6 } };
	struct mmsghdr batch[2] = { { .msg_hdr = { .msg_iov = &parts[0], .msg_iovlen = 1 } },
				    { .msg_hdr = { .msg_iov = &parts[1], .msg_iovlen = 1 } } };
	int fds[2];

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = "abcdefghijklmnopqrstuvwxyz012345"[i & 31];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
		die("socketpair");
	if (sendmmsg(fds[0], batch, 2, 0) != 1 || batch[0].msg_len >= sizeof(large))
		die("sendmmsg sent %u of the first", batch[0].msg_len);
	printf("part %u\n", batch[0].msg_len);
	while (read(fds[1], sink, sizeof(sink)) > 0)
		;
	parts[0].iov_len = 5;
	memcpy(large, "FIRST", 5);
	if (sendmmsg(fds[0], batch, 2, 0) != 2)
		die("sendmmsg of both");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	peek();
	part();
	return 0;
}
