/* What is there already, and what is not any more: iterators that the loader
 * reads. They run in its own thread and cost nobody else anything. */
#ifndef GLASSTAP_SCAN_H
#define GLASSTAP_SCAN_H

#include "socket.bpf.h"

/* Who reads this. */
SEC("?iter/task")
int scan_self(struct bpf_iter__task *context)
{
	struct task_struct *self = bpf_get_current_task_btf();
	struct pid *pid = BPF_CORE_READ(self, thread_pid);
	struct upid upid = {};

	if (self_tgid)
		return 0;
	self_tgid = self->tgid;
	ns_level = BPF_CORE_READ(pid, level);
	bpf_probe_read_kernel(&upid, bpf_core_type_size(struct upid),
			      (char *)pid + bpf_core_field_offset(struct pid, numbers) +
				      ns_level * bpf_core_type_size(struct upid));
	own_ns = (__u64)upid.ns;
	return 0;
}

/* The processes that the user named, and their descendants. The loader repeats
 * this until nothing is added: a child may come before its parent. */
__u32 scan_added;

SEC("?iter/task")
int scan_tasks(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	__u32 pid, parent, tgid, *found;

	if (!task || task->pid != task->tgid || task->flags & PF_KTHREAD)
		return 0;
	tgid = task->tgid;
	if (tgid == self_tgid || is_target(tgid))
		return 0;
	pid = pid_shown(task);
	found = bpf_map_lookup_elem(&wanted, &pid);
	parent = BPF_CORE_READ(task, real_parent, tgid);
	if (found)
		*found = 1;
	else if (!follow || !is_target(parent))
		return 0;
	target_add(tgid);
	scan_added++;
	return 0;
}

/* Every traced process, for those who look for what it has mapped. */
SEC("?iter/task")
int scan_traced(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	__u32 pid;

	if (!task || task->pid != task->tgid || !is_traced(task))
		return 0;
	pid = pid_shown(task);
	if (pid)
		bpf_seq_write(context->meta->seq, &pid, sizeof(pid));
	return 0;
}

/* Threads that are inside sendmmsg or recvmmsg at the attach: which message is
 * next is not known until the call ends. */
SEC("?iter/task")
int scan_threads(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct thread_state *thread;
	struct pt_regs *regs;
	long nr;

	if (!task || task->flags & PF_KTHREAD || !is_traced(task))
		return 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	nr = REGS_NR(regs);
	if (nr != NR_SENDMMSG && nr != NR_RECVMMSG)
		return 0;
	thread = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (thread) {
		thread->messages = REGS_ARG1(regs);
		thread->next = 0;
		thread->unsure = 1;
	}
	return 0;
}

/* Only accepted connections that nobody has used: the others are told when they
 * are used. Set after the first scan. */
bool scan_accepted_only;

/* Sockets that traced processes hold and that were not announced so far. */
SEC("?iter/task_file")
int scan_files(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct sock_state *state;
	struct socket *socket;
	struct sock *sk;
	__u8 kind = OPEN_EXISTING;

	if (!task || !file || !is_traced(task))
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (state ? state->announced || !state->id || state->closed : scan_accepted_only)
		return 0;
	if (state && sk->__sk_common.skc_state == TCP_SYN_SENT)
		return 0; /* its answer will say it */
	if (!state) {
		/* Unix sockets have TCP's states too. */
		if (sk->__sk_common.skc_state == TCP_LISTEN)
			kind = OPEN_LISTEN;
		else if (sk->__sk_common.skc_state == TCP_CLOSE && sk->sk_type != SOCK_DGRAM &&
			 sk->sk_type != SOCK_RAW)
			return 0; /* neither connected nor listening */
		state = state_of(sk, task, kind, 0);
		if (!state)
			return 0;
	}
	state->used = 1;
	state->pid = pid_shown(task);
	state->tid = state->pid;
	bpf_probe_read_kernel_str(state->comm, sizeof(state->comm), task->comm);
	announce(sk, state, NULL, context->fd, 0);
	return 0;
}

/* Every socket that is known and alive, and how far it has come. */
SEC("?iter/bpf_sk_storage_map")
int sweep(struct bpf_iter__bpf_sk_storage_map *context)
{
	struct sock_state *state = context->value;
	struct sock *sk = context->sk;
	struct sweep_row row = {};

	if (!sk || !state || !state->id || state->closed)
		return 0;
	row.id = state->id;
	for (int i = 0; i < 2; i++) {
		row.sums.moved[i] = state->moved[i];
		row.sums.lost[i] = state->lost[i];
		row.sums.lost_events[i] = state->lost_events[i];
	}
	row.sums.moved[DIR_IN] += stream_ahead(sk, state);
	bpf_seq_write(context->meta->seq, &row, sizeof(row));
	return 0;
}

#endif
