#include "flow/names.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "bpf/event.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const operations[] = {
	[OP_READ] = "read", [OP_WRITE] = "write",
	[OP_READV] = "readv", [OP_WRITEV] = "writev",
	[OP_PREADV] = "preadv", [OP_PWRITEV] = "pwritev",
	[OP_PREADV2] = "preadv2", [OP_PWRITEV2] = "pwritev2",
	[OP_PREAD64] = "pread64", [OP_PWRITE64] = "pwrite64",
	[OP_SENDTO] = "sendto", [OP_RECVFROM] = "recvfrom",
	[OP_SENDMSG] = "sendmsg", [OP_RECVMSG] = "recvmsg",
	[OP_SENDMMSG] = "sendmmsg", [OP_RECVMMSG] = "recvmmsg",
	[OP_SENDFILE] = "sendfile", [OP_SPLICE] = "splice",
	[OP_TEE] = "tee", [OP_VMSPLICE] = "vmsplice",
	[OP_COPY_FILE_RANGE] = "copy_file_range", [OP_IO_URING] = "io_uring",
};
_Static_assert(COUNT(operations) == OP_COUNT, "an operation has no name");

static const char *const gaps[] = {
	[GAP_CUT] = "cut", [GAP_SENDFILE] = "sendfile", [GAP_SPLICE] = "splice",
	[GAP_IO_URING] = "io_uring", [GAP_UNREADABLE] = "unreadable",
	[GAP_DISCARDED] = "discarded", [GAP_KERNEL] = "kernel", [GAP_IOVEC] = "iovec",
	[GAP_COMPAT] = "32-bit", [GAP_UNPLACED] = "unplaced",
};
_Static_assert(COUNT(gaps) == GAP_COUNT, "a gap has no name");

static const char *const opens[] = {
	[OPEN_CONNECT] = "connect", [OPEN_ACCEPT] = "accept", [OPEN_EXISTING] = "existing",
	[OPEN_LISTEN] = "listen", [OPEN_SOCKET] = "socket", [OPEN_PAIR] = "pair",
	[OPEN_FILE] = "file",
};

const char *name_operation(uint8_t op)
{
	return operations[op];
}

const char *name_gap(uint8_t gap)
{
	return gaps[gap] ? gaps[gap] : "unknown";
}

const char *name_open(uint8_t kind)
{
	return kind < COUNT(opens) ? opens[kind] : NULL;
}

static const char *name_file(uint16_t type)
{
	switch (type & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFIFO:
		return "pipe";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "link";
	case S_IFSOCK:
		return "socket";
	}
	return NULL;
}

static const char *name_inet(uint16_t type, uint16_t protocol)
{
	switch (protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	}
	if (type == SOCK_RAW)
		return "raw";
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_UDPLITE:
		return "udplite";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_DCCP:
		return "dccp";
	case 262:              /* IPPROTO_MPTCP, not in every libc's header */
		return "mptcp";
	case 0:
		return type == SOCK_STREAM ? "tcp" : type == SOCK_DGRAM ? "udp" : "ip";
	}
	return "ip";
}

static const struct {
	uint16_t family;
	const char *name;
} families[] = {
	{ AF_UNIX, "unix" }, { AF_NETLINK, "netlink" }, { AF_PACKET, "packet" },
	{ AF_VSOCK, "vsock" }, { AF_ALG, "alg" }, { AF_BLUETOOTH, "bluetooth" },
	{ AF_KEY, "key" }, { AF_RDS, "rds" }, { AF_TIPC, "tipc" }, { AF_CAN, "can" },
	{ AF_KCM, "kcm" }, { AF_QIPCRTR, "qrtr" }, { 43, "smc" }, { 44, "xdp" },
};

const char *name_transport(uint16_t family, uint16_t type, uint16_t protocol,
			   char room[TRANSPORT_ROOM])
{
	if (family == 0)
		return name_file(type);
	if (family == AF_INET || family == AF_INET6)
		return name_inet(type, protocol);
	for (size_t i = 0; i < COUNT(families); i++)
		if (families[i].family == family)
			return families[i].name;
	snprintf(room, TRANSPORT_ROOM, "af%u", family);
	return room;
}

/* linux/netlink.h */
static const char *const netlinks[] = {
	[0] = "route", [1] = "unused", [2] = "usersock", [3] = "firewall", [4] = "sock_diag",
	[5] = "nflog", [6] = "xfrm", [7] = "selinux", [8] = "iscsi", [9] = "audit",
	[10] = "fib_lookup", [11] = "connector", [12] = "netfilter", [13] = "ip6_fw",
	[14] = "dnrtmsg", [15] = "uevent", [16] = "generic", [18] = "scsitransport",
	[19] = "ecryptfs", [20] = "rdma", [21] = "crypto", [22] = "smc",
};

size_t name_netlink(uint16_t protocol, char room[NETLINK_ROOM])
{
	if (protocol < COUNT(netlinks) && netlinks[protocol])
		return (size_t)snprintf(room, NETLINK_ROOM, "netlink:%s", netlinks[protocol]);
	return (size_t)snprintf(room, NETLINK_ROOM, "netlink:%u", protocol);
}

static const char *name_error(uint32_t error, char room[REASON_ROOM])
{
	switch (error) {
	case 0:
		return "failed";
	case ECONNRESET:
		return "reset by the other side";
	case ETIMEDOUT:
		return "timed out";
	}
	snprintf(room, REASON_ROOM, "%s", strerror((int)error));
	room[0] = (char)tolower((unsigned char)room[0]);
	return room;
}

const char *name_reason(uint8_t reason, uint32_t error, char room[REASON_ROOM])
{
	switch (reason) {
	case CLOSE_LOCAL:
		return "closed here";
	case CLOSE_REMOTE:
		return "closed by the other side";
	case CLOSE_ERROR:
		return name_error(error, room);
	case CLOSE_ABORT:
		return "reset here";
	case CLOSE_GONE:
		return "closed";
	}
	return NULL;
}
