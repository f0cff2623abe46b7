/* io_uring: whose buffer the bytes of a transfer lie in.
 *
 * A transfer runs some time after its request was submitted: at once, out of
 * task work, or in a worker thread; the saved registers tell nothing of it. But
 * each request is told when it is submitted, with its buffers, and again when it
 * has completed. If just one request of a socket and direction can be at work,
 * the bytes are its; if there are more, which one's is not known, and the bytes
 * are a gap. So they are when the kernel picks the buffer (provided buffers), or
 * the socket is a registered file, which is not looked up here. */
#ifndef GLASSTAP_URING_H
#define GLASSTAP_URING_H

#include "copy.bpf.h"
#include "syscalls.bpf.h"

#define URING_IOVECS 8
#define URING_FIXED_FILE 1         /* REQ_F_FIXED_FILE */
#define URING_BUFFER_SELECT 32     /* REQ_F_BUFFER_SELECT */
#define URING_MORE 2               /* IORING_CQE_F_MORE */

enum uring_opcode {
	URING_READV = 1, URING_WRITEV = 2, URING_READ_FIXED = 4, URING_WRITE_FIXED = 5,
	URING_SENDMSG = 9, URING_RECVMSG = 10, URING_READ = 22, URING_WRITE = 23,
	URING_SEND = 26, URING_RECV = 27, URING_SEND_ZC = 47, URING_SENDMSG_ZC = 48,
	URING_OPCODES = 64
};

struct uring_kind {
	__u8 shape, dir, is_rw;
};

static const volatile struct uring_kind uring_kinds[URING_OPCODES] = {
	[URING_READV] = { SHAPE_VECTOR, DIR_IN, 1 },
	[URING_WRITEV] = { SHAPE_VECTOR, DIR_OUT, 1 },
	[URING_READ_FIXED] = { SHAPE_BUFFER, DIR_IN, 1 },
	[URING_WRITE_FIXED] = { SHAPE_BUFFER, DIR_OUT, 1 },
	[URING_SENDMSG] = { SHAPE_MESSAGE, DIR_OUT, 0 },
	[URING_RECVMSG] = { SHAPE_MESSAGE, DIR_IN, 0 },
	[URING_READ] = { SHAPE_BUFFER, DIR_IN, 1 },
	[URING_WRITE] = { SHAPE_BUFFER, DIR_OUT, 1 },
	[URING_SEND] = { SHAPE_BUFFER, DIR_OUT, 0 },
	[URING_RECV] = { SHAPE_BUFFER, DIR_IN, 0 },
	[URING_SEND_ZC] = { SHAPE_BUFFER, DIR_OUT, 0 },
	[URING_SENDMSG_ZC] = { SHAPE_MESSAGE, DIR_OUT, 0 },
};

struct uring_key {
	__u64 sk;
	__u64 dir;
};

/* The one request that is at work on a socket and direction. */
struct uring_request {
	__u64 request;
	__u64 len, done;       /* of its buffers */
	__u32 in_flight;       /* requests submitted and not completed */
	__u32 unsure;          /* more than one that may have bytes to move */
	__s32 fd;
	__u32 count;
	struct user_iovec entries[URING_IOVECS];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct uring_key);
	__type(value, struct uring_request);
} uring_requests SEC(".maps");

/* From a request to its socket. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct uring_key);
} uring_keys SEC(".maps");

/* Processes that submitted a request for a registered file. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} uring_blind SEC(".maps");

static __always_inline struct sock *socket_of_fd(struct task_struct *task, __u32 fd)
{
	struct file *file = file_of(task, fd);
	struct socket *socket;
	struct inode *inode;

	if (!file)
		return NULL;
	inode = BPF_CORE_READ(file, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/* The request's buffers, while the program's memory still describes them. */
static __always_inline void uring_buffers(struct uring_request *entry, struct io_kiocb *request,
					  struct uring_kind kind)
{
	struct user_iovec single = {};
	struct user_msghdr header;
	__u64 base, len, vector = 0;

	if (kind.is_rw) {
		struct io_rw *rw = (void *)request;

		base = BPF_CORE_READ(rw, addr);
		len = BPF_CORE_READ(rw, len);
	} else {
		struct io_sr_msg *message = (void *)request;

		base = (__u64)BPF_CORE_READ(message, buf);
		len = BPF_CORE_READ(message, len);
	}
	if (kind.shape == SHAPE_BUFFER) {
		entry->entries[0].base = base;
		entry->entries[0].len = len;
		entry->count = 1;
		entry->len = len;
		return;
	}
	vector = base;
	if (kind.shape == SHAPE_MESSAGE) {
		if (bpf_probe_read_user(&header, sizeof(header), (void *)base))
			return;
		vector = header.iov;
		len = header.iov_count;
	}
	if (len > URING_IOVECS)
		return;
	for (int i = 0; i < URING_IOVECS; i++) {
		if (i >= len || bpf_probe_read_user(&single, sizeof(single),
						    (void *)(vector + i * sizeof(single))))
			break;
		entry->entries[i] = single;
		entry->len += single.len;
		entry->count++;
	}
	if (entry->count < len)
		entry->count = 0;
}

SEC("?tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring_submit, struct io_kiocb *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct uring_request fresh = {}, *entry;
	struct uring_key key = {};
	struct uring_kind kind;
	__u64 flags = BPF_CORE_READ(request, flags), id = (__u64)request;
	__u32 opcode = BPF_CORE_READ(request, opcode), tgid = task->tgid, one = 1;

	if (opcode >= URING_OPCODES || !is_traced(task))
		return 0;
	kind.shape = uring_kinds[opcode].shape;
	kind.dir = uring_kinds[opcode].dir;
	kind.is_rw = uring_kinds[opcode].is_rw;
	if (!kind.shape)
		return 0;
	if (flags & URING_FIXED_FILE) {
		bpf_map_update_elem(&uring_blind, &tgid, &one, BPF_ANY);
		return 0;
	}
	fresh.fd = BPF_CORE_READ(request, cqe.fd);
	key.sk = (__u64)socket_of_fd(task, fresh.fd);
	key.dir = kind.dir;
	if (!key.sk)
		return 0;
	fresh.request = id;
	fresh.in_flight = 1;
	if (!(flags & URING_BUFFER_SELECT))
		uring_buffers(&fresh, request, kind);
	entry = bpf_map_lookup_elem(&uring_requests, &key);
	if (entry && entry->in_flight) {
		fresh.in_flight = entry->in_flight + 1;
		fresh.unsure = entry->unsure || entry->done < entry->len || !entry->count;
	}
	bpf_map_update_elem(&uring_requests, &key, &fresh, BPF_ANY);
	bpf_map_update_elem(&uring_keys, &id, &key, BPF_ANY);
	return 0;
}

SEC("?tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete, void *ring_context, void *request, struct io_uring_cqe *cqe)
{
	__u64 id = (__u64)request;
	struct uring_key *key = bpf_map_lookup_elem(&uring_keys, &id);
	struct uring_request *entry;

	if (!key || (key->dir == DIR_IN && BPF_CORE_READ(cqe, flags) & URING_MORE))
		return 0;
	entry = bpf_map_lookup_elem(&uring_requests, key);
	if (entry && --entry->in_flight == 0)
		bpf_map_delete_elem(&uring_requests, key);
	bpf_map_delete_elem(&uring_keys, &id);
	return 0;
}

/* The request that is moving `len` bytes of this socket; NULL: not known. */
static __always_inline struct uring_request *uring_find(struct sock *sk, struct task_struct *task,
							__u8 dir, __u64 len)
{
	struct uring_key key = { .sk = (__u64)sk, .dir = dir };
	struct uring_request *entry = bpf_map_lookup_elem(&uring_requests, &key);
	__u32 tgid = task->tgid;

	if (!entry || entry->unsure || !entry->count || entry->done + len > entry->len)
		return NULL;
	return bpf_map_lookup_elem(&uring_blind, &tgid) ? NULL : entry;
}

/* `len` bytes out of the request's buffers, behind those that it moved before. */
static __always_inline void emit_uring(struct sock_state *state, struct event_data *data,
				       struct uring_request *entry, __u64 len)
{
	struct walk walk = { .left = len, .kernel = 1 };
	__u64 skip = entry->done;
	int i;

	entry->done += len;
	for (i = 0; i < URING_IOVECS - 1 && skip >= entry->entries[i].len; i++)
		skip -= entry->entries[i].len;
	walk.base = entry->entries[i].base + skip;
	walk.len = entry->entries[i].len - skip;
	if (walk.len >= len) {
		emit_buffer(state, data, walk.base, len);
		return;
	}
	walk.vector = (__u64)&entry->entries[i + 1];
	walk.entries = entry->count - i - 1;
	emit_walk(state, data, &walk);
}

#endif
