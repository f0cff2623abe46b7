/* Sockets: what they are, when they open and close, and the bytes they move.
 *
 * sock_send_length and sock_recv_length (6.3 and newer) fire after a transfer,
 * in the thread that asked for it, with the socket and the result. The buffers
 * are those of the system call in progress, in the thread's saved registers.
 * That the registers belong to this transfer is proved, not assumed: the thread
 * is inside a call that moves bytes in this direction, and the descriptor in
 * its first argument is this socket (or has been closed meanwhile). Otherwise
 * the bytes are counted and their content is a gap. */
#ifndef GLASSTAP_SOCKET_H
#define GLASSTAP_SOCKET_H

#include "copy.bpf.h"
#include "syscalls.bpf.h"
#include "uring.bpf.h"

static __always_inline __u16 swap16(__u16 value)
{
	return __builtin_bswap16(value);
}

static __always_inline void address_4(struct address *address, const void *ip, __u16 port)
{
	address->family = AF_INET;
	address->port = port;
	bpf_probe_read_kernel(address->ip, 4, ip);
}

/* IPv6, or IPv4 where it is mapped into it. */
static __always_inline void address_6(struct address *address, const __u8 ip[16], __u16 port,
				      __u32 scope)
{
	__u64 zeros;
	__u32 mark;

	__builtin_memcpy(&zeros, ip, 8);
	__builtin_memcpy(&mark, ip + 8, 4);
	address->port = port;
	if (zeros == 0 && mark == 0xffff0000) { /* ::ffff:0:0/96, little-endian */
		address->family = AF_INET;
		__builtin_memcpy(address->ip, ip + 12, 4);
		return;
	}
	address->family = AF_INET6;
	__builtin_memcpy(address->ip, ip, 16);
	if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)
		address->scope = scope;
}

static __always_inline void address_local(struct address *address, struct sock *sk)
{
	__u8 ip[16] = {};

	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&ip, sk, __sk_common.skc_v6_rcv_saddr);
		address_6(address, ip, BPF_CORE_READ(sk, __sk_common.skc_num),
			  BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if));
	} else {
		__u32 ip4 = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);

		address_4(address, &ip4, BPF_CORE_READ(sk, __sk_common.skc_num));
	}
}

static __always_inline void address_remote(struct address *address, struct sock *sk)
{
	__u16 port = swap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	__u8 ip[16] = {};

	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&ip, sk, __sk_common.skc_v6_daddr);
		address_6(address, ip, port, BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if));
	} else {
		__u32 ip4 = BPF_CORE_READ(sk, __sk_common.skc_daddr);

		address_4(address, &ip4, port);
	}
}

/* From a sockaddr in the program's memory. */
static __always_inline void address_user(struct address *address, __u64 from, __u64 len)
{
	struct user_sockaddr name = {};

	if (!from || len < 8 || bpf_probe_read_user(&name, 8, (void *)from))
		return;
	if (name.family == AF_INET) {
		address_4(address, name.ip4, name.port[0] << 8 | name.port[1]);
	} else if (name.family == AF_INET6 && len >= 28 &&
		   !bpf_probe_read_user(&name, 28, (void *)from)) {
		address_6(address, name.ip6, name.port[0] << 8 | name.port[1], name.scope);
	}
}

static __always_inline __u8 unix_name(char path[EVENT_PATH], struct sock *sk)
{
	struct unix_address *name = BPF_CORE_READ((struct unix_sock *)sk, addr);
	const char *from;
	long len;

	if (!name)
		return 0;
	len = BPF_CORE_READ(name, len);
	len -= offsetof(struct sockaddr_un, sun_path);
	if (len <= 0)
		return 0;
	from = (char *)name + bpf_core_field_offset(struct unix_address, name) +
	       offsetof(struct sockaddr_un, sun_path);
	bpf_probe_read_kernel(path, 1, from);
	/* An abstract name begins with NUL and may hold more of them. */
	if (path[0]) {
		len = bpf_probe_read_kernel_str(path, EVENT_PATH, from);
		return len > 0 ? len - 1 : 0;
	}
	CLAMP(len, EVENT_PATH);
	bpf_probe_read_kernel(path, len, from);
	return len;
}

static __always_inline __u32 socket_inode(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
}

static __always_inline void open_unix(struct event_open *open, struct sock *sk)
{
	struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	struct pid *peer_pid = BPF_CORE_READ(sk, sk_peer_pid);

	open->local_len = unix_name(open->local_path, sk);
	if (peer_pid)
		open->peer_pid = pid_number(peer_pid);
	if (!peer)
		return;
	open->remote_len = unix_name(open->remote_path, peer);
	open->peer_inode = socket_inode(peer);
	if (open->kind == OPEN_EXISTING)
		return;
	/* Only a bound listener accepts, and only a name can be connected to. */
	if (open->local_len && !open->remote_len)
		open->kind = OPEN_ACCEPT;
	else if (!open->local_len && open->remote_len)
		open->kind = OPEN_CONNECT;
	else if (!open->local_len && !open->remote_len && open->type == SOCK_STREAM)
		open->kind = OPEN_PAIR;
}

/* Puts the EVENT_OPEN of a socket into the ring. */
static __noinline bool announce(struct sock *sk, struct sock_state *state, struct task_struct *task,
				__s32 fd, __u32 error)
{
	struct event_open *open;

	if (!sk || !state)
		return false;
	open = ring_event(sizeof(*open));
	if (!open) {
		count(&lost[LOST_OPEN], 1);
		return false;
	}
	__builtin_memset(open, 0, sizeof(*open));
	if (task)
		head_of_task(&open->head, task, EVENT_OPEN, sizeof(*open));
	else
		head_of_owner(&open->head, state, EVENT_OPEN, sizeof(*open));
	open->conn = state->id;
	open->since = state->since;
	open->error = error;
	open->fd = fd;
	open->kind = state->kind;
	open->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	open->inode = socket_inode(sk);
	open->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	open->type = BPF_CORE_READ(sk, sk_type);
	open->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (open->family == AF_INET || open->family == AF_INET6) {
		address_local(&open->local, sk);
		address_remote(&open->remote, sk);
		if (open->kind == OPEN_SOCKET && open->remote.port)
			open->kind = OPEN_CONNECT;
	} else if (open->family == AF_UNIX) {
		open_unix(open, sk);
	}
	ring_event_done(open);
	state->announced = 1;
	return true;
}

/* Begins a connection on a socket, perhaps not its first. */
static __always_inline void state_begin(struct sock_state *state, struct task_struct *task,
					__u8 kind, __u64 since)
{
	__builtin_memset(state, 0, sizeof(*state));
	state->id = __sync_fetch_and_add(&next_conn, 1);
	state->since = since;
	state->kind = kind;
	state->pid = pid_shown(task);
	state->tid = tid_shown(task);
	bpf_probe_read_kernel_str(state->comm, sizeof(state->comm), task->comm);
}

static __always_inline __u32 copied_seq(struct sock *sk)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	return tcp ? tcp->copied_seq : 0;
}

/* Has the other side's FIN, which takes a number too, been read? */
static __always_inline bool fin_is_read(struct sock *sk, __u32 seq)
{
	return BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_DONE_BIT &&
	       seq == BPF_CORE_READ((struct tcp_sock *)sk, rcv_nxt);
}

/* By how much an incoming TCP stream is ahead of what was counted. */
static __always_inline __u64 tcp_ahead(struct sock *sk, struct sock_state *state, __u32 seq)
{
	__s32 ahead = seq - state->seq_in;

	if (ahead > 0 && !state->fin_counted && fin_is_read(sk, seq))
		ahead--;
	/* With kernel TLS the socket counts ciphertext. */
	if (ahead <= 0 || BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops))
		return 0;
	return ahead;
}

/* The same of a unix stream, if all that went into it was counted at its other
 * end: what is not in the queue any more was read. */
static __always_inline __u64 unix_ahead(struct sock *sk, struct sock_state *state)
{
	struct unix_sock *unix_sk = bpf_skc_to_unix_sock(sk);
	struct sock_state *sender;
	struct sock *peer;
	__s64 ahead;

	if (!unix_sk || !bpf_core_field_exists(unix_sk->inq_len))
		return 0;
	peer = unix_sk->peer;
	sender = peer ? bpf_sk_storage_get(&sockets, peer, NULL, 0) : NULL;
	if (!sender)
		return 0;
	ahead = sender->moved[DIR_OUT] - unix_sk->inq_len - state->moved[DIR_IN];
	return ahead > 0 ? ahead : 0;
}

/* How far the incoming stream has come beyond what was counted, as the protocol
 * itself knows: by splice, or a receive without a copy, which no hook tells. */
static __always_inline __u64 stream_ahead(struct sock *sk, struct sock_state *state)
{
	if (!state->used)
		return 0; /* whoever reads it, we do not look at him */
	if (sk->sk_protocol == IPPROTO_TCP)
		return tcp_ahead(sk, state, copied_seq(sk));
	if (sk->__sk_common.skc_family == AF_UNIX && sk->sk_type == SOCK_STREAM)
		return unix_ahead(sk, state);
	return 0;
}

/* Counts `len` bytes that were read and gives their place. What was read before
 * them, unseen, becomes a hole in front of them; so does for a moment what
 * another thread has read and not told yet. */
static __always_inline __u64 offset_in(struct sock *sk, struct sock_state *state, __u64 len,
				       int flags)
{
	__u64 ahead = len, before = state->moved[DIR_IN];

	if (sk->sk_protocol == IPPROTO_TCP && flags & MSG_OOB) {
		/* An urgent byte is taken out of its turn; the stream will skip it. */
		state->seq_in += len;
	} else if (sk->sk_protocol == IPPROTO_TCP) {
		__u32 seq = copied_seq(sk);

		if (seq - state->seq_in != len) {
			ahead = tcp_ahead(sk, state, seq);
			if (BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops))
				ahead = len;
			if (fin_is_read(sk, seq))
				state->fin_counted = 1;
		}
		state->seq_in = seq;
	} else if (sk->__sk_common.skc_family == AF_UNIX && sk->sk_type == SOCK_STREAM) {
		ahead = unix_ahead(sk, state);
		if (ahead < len)
			ahead = len;
	}
	if (before + ahead < len)
		ahead = len - before;
	return __sync_fetch_and_add(&state->moved[DIR_IN], ahead) + ahead - len;
}

/* The state of a socket that a traced process uses; made at first sight, perhaps
 * after `received` bytes. */
static __always_inline struct sock_state *state_of(struct sock *sk, struct task_struct *task,
						   __u8 kind, __u32 received)
{
	struct sock_state *state = bpf_sk_storage_get(&sockets, sk, NULL, 0);

	if (state && state->id)
		return state;
	state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state) {
		count(&lost[LOST_UNTRACKED], 1);
		return NULL;
	}
	if (!state->id) {
		state_begin(state, task, kind, 0);
		if (sk->sk_protocol == IPPROTO_TCP)
			state->seq_in = copied_seq(sk) - received;
	}
	return state;
}

/* First sight in the middle of a transfer: a TCP connection would have been seen
 * when it was made, had it been made since. */
static __always_inline __u8 kind_at_first_use(struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP ? OPEN_EXISTING : OPEN_SOCKET;
}

/* sendmmsg and recvmmsg tell one message at a time, and not which. The kernel
 * takes them in order and stops at the first that fails, which is told too; so
 * counting them gives the place, unless the call can end unseen. */
static __always_inline struct thread_state *messages_state(struct task_struct *task, __u64 array)
{
	struct thread_state *thread =
		bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (thread && thread->messages != array) {
		thread->messages = array;
		thread->next = 0;
		thread->unsure = 0;
	}
	return thread;
}

static __always_inline void messages_next(struct thread_state *thread, struct pt_regs *regs,
					  bool failed)
{
	thread->next++;
	if (failed || thread->next >= REGS_ARG2(regs)) {
		thread->messages = 0;
		thread->next = 0;
		thread->unsure = 0;
	}
}

struct transfer {
	struct call_kind kind;
	__u32 gap;
	__s32 fd;
	__u64 message;         /* the msghdr, of one or of many */
};

/* Reads the call's own buffers. */
static __always_inline void emit_call(struct sock_state *state, struct event_data *data,
				      struct pt_regs *regs, const struct transfer *transfer,
				      __u64 len)
{
	__u64 vector = REGS_ARG1(regs), entries = REGS_ARG2(regs);
	struct user_msghdr header;

	if (transfer->kind.shape == SHAPE_BUFFER) {
		/* recv(MSG_TRUNC) returns more than it had room for. */
		__u64 room = REGS_ARG2(regs);

		emit_buffer(state, data, vector, len < room ? len : room);
		if (len > room)
			emit_gap(state, data, len - room, GAP_DISCARDED);
		return;
	}
	if (transfer->kind.shape != SHAPE_VECTOR) {
		if (bpf_probe_read_user(&header, sizeof(header), (void *)transfer->message)) {
			emit_gap(state, data, len, GAP_UNREADABLE);
			return;
		}
		vector = header.iov;
		entries = header.iov_count;
	}
	emit_vector(state, data, vector, entries, len);
}

/* The destination that a datagram's sender named. */
static __always_inline void peer_of_send(struct address *peer, struct pt_regs *regs, __u8 op,
					 __u64 message)
{
	struct user_msghdr header;

	if (op == OP_SENDTO)
		address_user(peer, REGS_ARG4(regs), REGS_ARG5(regs));
	else if ((op == OP_SENDMSG || op == OP_SENDMMSG) &&
		 !bpf_probe_read_user(&header, sizeof(header), (void *)message))
		address_user(peer, header.name, header.name_len);
}

/* A datagram's own sender, if the thread has asked for it. */
static __always_inline void peer_of_receive(struct address *peer, struct task_struct *task)
{
	struct thread_state *thread = bpf_task_storage_get(&threads, task, NULL, 0);

	if (thread && thread->sender.family) {
		*peer = thread->sender;
		thread->sender.family = 0;
	}
}

static __always_inline bool is_datagram_ip(struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return sk->sk_type == SOCK_DGRAM && (family == AF_INET || family == AF_INET6);
}

/* Of a stream, nothing received is its end. */
static __always_inline bool is_empty_datagram(struct sock *sk, __u8 dir)
{
	return sk->sk_type == SOCK_DGRAM &&
	       !(dir == DIR_IN && BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN);
}

/* Which call moved these bytes, and whether its registers tell where they are. */
static __always_inline void transfer_find(struct transfer *transfer, struct task_struct *task,
					  struct pt_regs *regs, struct sock *sk, __u8 dir)
{
	struct socket *socket;
	struct file *file;

	transfer->fd = -1;
	transfer->gap = GAP_KERNEL;
	if (task->flags & PF_IO_WORKER || !REGS_IN_SYSCALL(regs)) {
		transfer->kind.op = OP_IO_URING;
		transfer->gap = GAP_IO_URING;
		return;
	}
	if (is_compat(task)) {
		transfer->gap = GAP_COMPAT;
		return;
	}
	transfer->kind = call_kind_of(REGS_NR(regs));
	if (transfer->kind.shape == SHAPE_NONE) {
		if (REGS_NR(regs) == NR_IO_URING_ENTER) {
			transfer->kind.op = OP_IO_URING;
			transfer->gap = GAP_IO_URING;
		}
		return;
	}
	if (transfer->kind.op == OP_SPLICE) {
		transfer->fd = dir == DIR_OUT ? REGS_ARG2(regs) : REGS_ARG0(regs);
		transfer->gap = GAP_SPLICE;
		return;
	}
	if (transfer->kind.dir != dir)
		return;
	socket = sk->sk_socket;
	file = file_of(task, REGS_ARG0(regs));
	if (!socket || (file && file != socket->file))
		return;
	transfer->fd = REGS_ARG0(regs);
	transfer->message = REGS_ARG1(regs);
	transfer->gap = transfer->kind.op == OP_SENDFILE ? GAP_SENDFILE : GAP_NONE;
}

/* Was no more than a part of this message sent? Then the call ends with it. */
__noinline int message_is_cut(__u64 message, __u64 sent)
{
	struct user_msghdr header;
	struct user_iovec entry;

	if (bpf_probe_read_user(&header, sizeof(header), (void *)message))
		return 0;
	for (__u32 i = 0; i < MAX_IOVECS; i++) {
		if (i >= header.iov_count ||
		    bpf_probe_read_user(&entry, sizeof(entry),
					(void *)(header.iov + i * sizeof(entry))))
			return 0;
		if (entry.len > sent)
			return 1;
		sent -= entry.len;
	}
	return 0;
}

/* Which of the call's messages it is; updates the count. */
static __always_inline void transfer_message(struct transfer *transfer, struct task_struct *task,
					     struct pt_regs *regs, int result)
{
	struct thread_state *thread = messages_state(task, REGS_ARG1(regs));

	if (!thread) {
		transfer->gap = GAP_UNPLACED;
		return;
	}
	transfer->message += (__u64)thread->next * sizeof(struct user_mmsghdr);
	/* With a time limit the call may end after any message, and a next one with
	 * the same array looks like more of it. */
	if (transfer->kind.op == OP_RECVMMSG && REGS_ARG4(regs))
		thread->unsure = 1;
	if (thread->unsure)
		transfer->gap = GAP_UNPLACED;
	messages_next(thread, regs, result < 0 || (transfer->kind.op == OP_SENDMMSG &&
						   message_is_cut(transfer->message, result)));
}

static __always_inline int moved(struct sock *sk, struct task_struct *task, int result, int flags,
			    __u8 dir)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct event_data data = {};
	struct transfer transfer = {};
	struct sock_state *state;

	transfer_find(&transfer, task, regs, sk, dir);
	if (transfer.gap == GAP_NONE && transfer.kind.shape == SHAPE_MESSAGES)
		transfer_message(&transfer, task, regs, result);
	if (dir == DIR_IN && flags & (MSG_PEEK | MSG_ERRQUEUE)) {
		/* Its sender must not be taken for that of a later one. */
		peer_of_receive(&data.peer, task);
		return 0;
	}
	if (result < 0)
		return 0;
	if (!result && !is_empty_datagram(sk, dir))
		return 0;

	state = state_of(sk, task, kind_at_first_use(sk), dir == DIR_IN ? result : 0);
	if (!state)
		return 0;
	state->used = 1;
	if (!state->announced)
		announce(sk, state, task, transfer.fd, 0);
	if (sk->sk_protocol == IPPROTO_TCP && dir == DIR_IN && flags & MSG_TRUNC)
		transfer.gap = GAP_DISCARDED;

	head_of_task(&data.head, task, EVENT_DATA, sizeof(data));
	data.conn = state->id;
	data.offset = dir == DIR_IN ? offset_in(sk, state, result, flags) :
				      __sync_fetch_and_add(&state->moved[DIR_OUT], result);
	data.moved = result;
	data.fd = transfer.fd;
	data.op = transfer.kind.op;
	data.dir = dir;
	if (is_datagram_ip(sk)) {
		if (dir == DIR_OUT)
			peer_of_send(&data.peer, regs, data.op, transfer.message);
		else
			peer_of_receive(&data.peer, task);
		/* It may have been connected again since it was announced. */
		if (!data.peer.family && sk->__sk_common.skc_dport)
			address_remote(&data.peer, sk);
	}
	if (!result) {
		emit_piece(state, &data, 0, 0);
	} else if (transfer.gap == GAP_IO_URING) {
		struct uring_request *request = uring_find(sk, task, dir, result);

		if (request) {
			data.fd = request->fd;
			emit_uring(state, &data, request, result);
		} else {
			emit_gap(state, &data, result, GAP_IO_URING);
		}
	} else if (transfer.gap != GAP_NONE) {
		emit_gap(state, &data, result, transfer.gap);
	} else {
		emit_call(state, &data, regs, &transfer, result);
	}
	return 0;
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(on_sock_sent, struct sock *sk, int result, int flags)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (is_traced(task))
		moved(sk, task, result, flags, DIR_OUT);
	return 0;
}

SEC("?tp_btf/sock_recv_length")
int BPF_PROG(on_sock_received, struct sock *sk, int result, int flags)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (is_traced(task))
		moved(sk, task, result, flags, DIR_IN);
	return 0;
}

#endif
