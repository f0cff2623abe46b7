/* How connections begin and end, and what moves without a copy.
 *
 * TCP tells its states (inet_sock_set_state). A connect is announced when it has
 * succeeded or failed, by who began it. An accepted connection carries a copy of
 * its listener's state; it is announced when a process first uses or closes it,
 * because only then is it known whose it is (workers share a listener), or by
 * the scan of descriptors if nobody does. Other sockets have no such hook: they
 * are announced at their first use, and the sweep finds them gone. */
#ifndef GLASSTAP_CONNECTION_H
#define GLASSTAP_CONNECTION_H

#include "call.bpf.h"
#include "socket.bpf.h"

static __always_inline void close_say(struct sock *sk, struct sock_state *state)
{
	struct event_close *close = bpf_ringbuf_reserve(&ring, sizeof(*close), 0);

	if (!close) {
		count(&lost[LOST_CLOSE], 1);
		return;
	}
	__builtin_memset(close, 0, sizeof(*close));
	head_of_owner(&close->head, state, EVENT_CLOSE, sizeof(*close));
	close->conn = state->id;
	close->since = state->since;
	for (int i = 0; i < 2; i++) {
		close->bytes[i] = state->moved[i];
		close->lost[i] = state->lost[i];
		close->lost_events[i] = state->lost_events[i];
	}
	close->known = 1;
	close->reason = state->reason;
	if (!state->reason) {
		close->error = BPF_CORE_READ(sk, sk_err);
		close->reason = close->error ? CLOSE_ERROR : CLOSE_ABORT;
	}
	bpf_ringbuf_submit(close, wake_flags());
	bpf_map_delete_elem(&refused, &state->id);
}

/* SYN_SENT is entered by the thread that connects. */
static __always_inline void connect_begins(struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sock_state *state;

	if (!is_traced(task))
		return;
	connect_is_going(true);
	state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (state)
		state_begin(state, task, OPEN_CONNECT, bpf_ktime_get_boot_ns());
	else
		count(&lost[LOST_UNTRACKED], 1);
}

static __always_inline void listen_begins(struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sock_state *state;

	if (!is_traced(task))
		return;
	state = state_of(sk, task, OPEN_LISTEN);
	if (!state)
		return;
	state->kind = OPEN_LISTEN;
	announce(sk, state, task, -1, 0);
}

static __always_inline void state_changes(struct sock *sk, struct sock_state *state, int from,
					  int to)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (from == TCP_SYN_SENT) {
		if (to == TCP_CLOSE) {
			__u32 error = BPF_CORE_READ(sk, sk_err);

			/* No error: the call itself fails and tells why, or it was closed. */
			if (error || !connect_is_going(false))
				announce(sk, state, NULL, -1, error ?: ECANCELED);
			state->id = 0;
		} else if (!state->announced) {
			state->seq_in = copied_seq(sk);
			announce(sk, state, NULL, -1, 0);
		}
		return;
	}
	if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED && state->kind == OPEN_LISTEN) {
		__u32 pid = state->pid, tid = state->tid;
		char comm[EVENT_COMM];

		__builtin_memcpy(comm, state->comm, EVENT_COMM);
		state_begin(state, task, OPEN_ACCEPT, bpf_ktime_get_boot_ns());
		/* Whoever is interrupted here has nothing to do with it. */
		state->pid = pid;
		state->tid = tid;
		__builtin_memcpy(state->comm, comm, EVENT_COMM);
		state->seq_in = copied_seq(sk);
		waiting_accepts = 1;
		return;
	}
	if (from == TCP_LISTEN) {
		/* To SYN_RECV: a copy, of what will be accepted. */
		if (to == TCP_CLOSE)
			state->id = 0;
		return;
	}
	/* These two are entered by who closes or shuts down, and by nobody else. */
	if (to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK) {
		if (!state->announced && is_traced(task)) {
			state->pid = pid_shown(task);
			state->tid = tid_shown(task);
			bpf_probe_read_kernel_str(state->comm, sizeof(state->comm), task->comm);
			announce(sk, state, task, -1, 0);
		}
	}
	if (to == TCP_FIN_WAIT1 && !state->reason)
		state->reason = CLOSE_LOCAL;
	else if (to == TCP_CLOSE_WAIT && !state->reason)
		state->reason = CLOSE_REMOTE;
	if (to == TCP_CLOSE) {
		if (!state->announced)
			announce(sk, state, NULL, -1, 0);
		close_say(sk, state);
		state->id = 0;
	}
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int from, int to)
{
	struct sock_state *state;

	if (sk->sk_protocol != IPPROTO_TCP && sk->sk_protocol != IPPROTO_MPTCP)
		return 0;
	if (to == TCP_SYN_SENT) {
		connect_begins(sk);
	} else if (to == TCP_LISTEN) {
		listen_begins(sk);
	} else {
		state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
		if (state && state->id)
			state_changes(sk, state, from, to);
	}
	return 0;
}

/* A TCP socket has been read from, under its lock. Of interest when that was
 * splice: how far the stream has come since the last read that was counted is
 * what was spliced. */
SEC("?tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_stream_read, struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct sock_state *state;
	__u32 seq, len;

	if (REGS_NR(regs) != NR_SPLICE || !REGS_IN_SYSCALL(regs) || !is_traced(task))
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!state || !state->id)
		/* Its place is unknown, so is what was read: begin to count here. */
		return state_of(sk, task, kind_at_first_use(sk)), 0;
	seq = copied_seq(sk);
	len = seq - state->seq_in;
	/* The other side's FIN takes a number too. */
	if (len && !state->fin_counted && BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN &&
	    seq == BPF_CORE_READ((struct tcp_sock *)sk, rcv_nxt)) {
		state->fin_counted = 1;
		len--;
	}
	state->seq_in = seq;
	spliced(sk, state, task, REGS_ARG0(regs), len);
	return 0;
}

/* A packet of a unix stream has been read to its end by splice. Its reader is
 * only to be had as an address here; the next hook that has the socket itself
 * says what was spliced (unix_splices_say). */
SEC("?tp_btf/consume_skb")
int BPF_PROG(on_packet_read, struct sk_buff *skb, void *location)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct sock *sender = skb->sk;
	__u64 reader, len = skb->len, *sum;

	if (REGS_NR(regs) != NR_SPLICE || !REGS_IN_SYSCALL(regs) || !sender ||
	    sender->__sk_common.skc_family != AF_UNIX || sender->sk_type != SOCK_STREAM ||
	    !is_traced(task))
		return 0;
	reader = (__u64)socket_of_fd(task, REGS_ARG0(regs));
	if (!reader)
		return 0;
	sum = bpf_map_lookup_elem(&unix_splices, &reader);
	if (sum)
		count(sum, len);
	else if (bpf_map_update_elem(&unix_splices, &reader, &len, BPF_ANY))
		count(&lost[LOST_UNTRACKED], 1);
	unix_splices_wait = 1;
	return 0;
}

#endif
