/* What only the calls themselves tell: a datagram's sender, and why a connect
 * failed before the protocol had anything to say (no route, no such path).
 *
 * Hooks of the root cgroup see each connect before it begins, and each sender's
 * address that a thread asks for, in the thread that calls. They change nothing
 * and always agree. For the result of a connect, work is left for the thread's
 * way back to user space (6.18 and newer), where the result stands in its
 * registers; a call that the protocol reports on is left to that report. */
#ifndef GLASSTAP_CALL_H
#define GLASSTAP_CALL_H

#include "socket.bpf.h"

struct bpf_task_work {
	__u64 opaque;
} __attribute__((aligned(8)));

/* A connect that a thread is inside of. */
struct connect_call {
	struct bpf_task_work work;
	__u64 since;
	__u16 family, type, protocol;
	__u16 going;           /* TCP has taken over */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_CONNECT_CALLS);
	__type(key, __u64);
	__type(value, struct connect_call);
} connects SEC(".maps");

extern int bpf_task_work_schedule_resume_impl(struct task_struct *task, struct bpf_task_work *work,
					      void *map,
					      int (*callback)(struct bpf_map *, void *, void *),
					      void *program) __ksym __weak;

/* Says that the current thread's connect is TCP's business now, or its own
 * again. Returns whether it is inside one. */
static __always_inline bool connect_is_going(bool going)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__u64 thread = bpf_get_current_pid_tgid();
	struct connect_call *call;

	if (REGS_NR(regs) != NR_CONNECT || !REGS_IN_SYSCALL(regs))
		return false;
	call = bpf_map_lookup_elem(&connects, &thread);
	if (!call)
		return false;
	call->going = going;
	return true;
}

static __always_inline void connect_failed(struct task_struct *task, struct pt_regs *regs,
					   const struct connect_call *call, __u32 error)
{
	struct event_open *open = ring_event(sizeof(*open));
	__u64 len = REGS_ARG2(regs);
	char *path;

	if (!open) {
		count(&lost[LOST_OPEN], 1);
		return;
	}
	__builtin_memset(open, 0, sizeof(*open));
	head_of_task(&open->head, task, EVENT_OPEN, sizeof(*open));
	open->conn = __sync_fetch_and_add(&next_conn, 1);
	open->since = call->since;
	open->error = error;
	open->fd = REGS_ARG0(regs);
	open->kind = OPEN_CONNECT;
	open->family = call->family;
	open->type = call->type;
	open->protocol = call->protocol;
	path = open->remote_path;
	if (open->family != AF_UNIX) {
		address_user(&open->remote, REGS_ARG1(regs), len);
	} else if (len > 2) {
		len -= 2;
		CLAMP(len, EVENT_PATH);
		bpf_probe_read_user(path, len, (void *)(REGS_ARG1(regs) + 2));
		open->remote_len = len;
		/* A path ends in NUL, if there was room for it. */
		if (path[0]) {
			long end = bpf_probe_read_user_str(path, EVENT_PATH,
							   (void *)(REGS_ARG1(regs) + 2));
			if (end > 0 && end - 1 < len)
				open->remote_len = end - 1;
		}
	}
	ring_event_done(open);
}

static int on_connect_result(struct bpf_map *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct connect_call *call = value;
	long result = REGS_RESULT(regs);
	__u64 thread = bpf_get_current_pid_tgid();

	/* It goes on (EINPROGRESS), was interrupted (EINTR and the like, which begin
	 * it again), or asks again (EALREADY, EISCONN). */
	if (REGS_NR(regs) == NR_CONNECT && !call->going && result < 0 && result > -512 &&
	    result != -EINPROGRESS && result != -EINTR && result != -EALREADY && result != -EISCONN)
		connect_failed(task, regs, call, -result);
	bpf_map_delete_elem(&connects, &thread);
	return 0;
}

static __always_inline void connect_called(struct bpf_sock_addr *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 thread = bpf_get_current_pid_tgid();
	struct connect_call fresh = {}, *call;

	/* A datagram socket's connect often only asks for the route. */
	if (!is_traced(task) || (context->type == SOCK_DGRAM && context->family != AF_UNIX))
		return;
	fresh.since = bpf_ktime_get_boot_ns();
	fresh.family = context->family;
	fresh.type = context->type;
	fresh.protocol = context->protocol;
	if (bpf_map_update_elem(&connects, &thread, &fresh, BPF_ANY))
		return;
	call = bpf_map_lookup_elem(&connects, &thread);
	if (call)
		bpf_task_work_schedule_resume_impl(task, &call->work, &connects, on_connect_result,
						   NULL);
}

SEC("?cgroup/connect4")
int on_connect_4(struct bpf_sock_addr *context)
{
	connect_called(context);
	return 1;
}

SEC("?cgroup/connect6")
int on_connect_6(struct bpf_sock_addr *context)
{
	connect_called(context);
	return 1;
}

/* The loader makes it cgroup/connect_unix, which its library may not know. */
SEC("?cgroup/connect4")
int on_connect_unix(struct bpf_sock_addr *context)
{
	connect_called(context);
	return 1;
}

/* Called for each datagram whose sender the thread asks for. */
static __always_inline struct thread_state *datagram_thread(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!is_traced(task))
		return NULL;
	return bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

SEC("?cgroup/recvmsg4")
int on_sender_4(struct bpf_sock_addr *context)
{
	struct thread_state *thread = datagram_thread();
	__u32 ip = context->user_ip4;

	if (thread) {
		__builtin_memset(&thread->sender, 0, sizeof(thread->sender));
		thread->sender.family = AF_INET;
		thread->sender.port = swap16(context->user_port);
		__builtin_memcpy(thread->sender.ip, &ip, 4);
	}
	return 1;
}

SEC("?cgroup/recvmsg6")
int on_sender_6(struct bpf_sock_addr *context)
{
	struct thread_state *thread = datagram_thread();
	__u32 ip[4];

	if (thread) {
		ip[0] = context->user_ip6[0];
		ip[1] = context->user_ip6[1];
		ip[2] = context->user_ip6[2];
		ip[3] = context->user_ip6[3];
		__builtin_memset(&thread->sender, 0, sizeof(thread->sender));
		address_6(&thread->sender, (__u8 *)ip, swap16(context->user_port), 0);
	}
	return 1;
}

#endif
