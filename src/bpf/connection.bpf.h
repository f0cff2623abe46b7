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
	struct event_close *close = ring_event(sizeof(*close));

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
	close->bytes[DIR_IN] += stream_ahead(sk, state);
	close->known = 1;
	close->reason = state->reason;
	if (!state->reason) {
		close->error = BPF_CORE_READ(sk, sk_err);
		close->reason = close->error ? CLOSE_ERROR : CLOSE_ABORT;
	}
	ring_event_done(close);
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
	if (state) {
		state_begin(state, task, OPEN_CONNECT, bpf_ktime_get_boot_ns());
		state->used = 1;
	} else {
		count(&lost[LOST_UNTRACKED], 1);
	}
}

static __always_inline void listen_begins(struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sock_state *state;

	if (!is_traced(task))
		return;
	state = state_of(sk, task, OPEN_LISTEN, 0);
	if (!state)
		return;
	if (state->closed)
		state_begin(state, task, OPEN_LISTEN, 0);
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
		} else {
			state->seq_in = copied_seq(sk);
			if (!state->announced)
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
	/* These two are entered by who closes or shuts down, and by nobody else. A
	 * process that exits is not traced any more by then. */
	if ((to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK) && !state->used && !is_traced(task) &&
	    !(task->flags & PF_EXITING)) {
		state->id = 0; /* somebody else has accepted it */
		return;
	}
	if ((to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK) && is_traced(task)) {
		state->used = 1;
		if (!state->announced) {
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
		/* The call that is at work on it may still tell what it moved. */
		state->closed = 1;
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
		if (state && state->id && !state->closed)
			state_changes(sk, state, from, to);
	}
	return 0;
}

#endif
