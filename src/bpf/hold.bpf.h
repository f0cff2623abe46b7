/* A launch waits, for a moment, until its probes are in.
 *
 * Whoever places them needs a few milliseconds for a program that he sees for the
 * first time, and a quick one has its first handshake behind it by then. So work
 * is left for the thread's way back to user space, before the program's first
 * instruction: it looks again and again whether the notice was answered, gives
 * way to other threads meanwhile, and gives up after HOLD_NS whatever happened.
 * A program that is known already is not held. */
#ifndef GLASSTAP_HOLD_H
#define GLASSTAP_HOLD_H

#include "call.bpf.h"
#include "secret.bpf.h"

struct holding {
	struct bpf_task_work work;
	__u64 notice, since;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NOTICE_SLOTS);
	__type(key, __u32);
	__type(value, struct holding);
} holdings SEC(".maps");

struct wait {
	__u64 notice, until, touched;
	struct task_struct *task;
};

static int wait_step(__u32 i, struct wait *wait)
{
	volatile __u64 *done = &notices_done[wait->notice % NOTICE_SLOTS];
	char byte;

	if (*done >= wait->notice)
		return 1;
	if (bpf_ktime_get_ns() >= wait->until) {
		count(&holds_expired, 1);
		return 1;
	}
	/* Not for the byte: on its way the kernel lets others run, in every model of
	 * preemption. */
	bpf_copy_from_user_task(&byte, 1, (void *)wait->touched, bpf_get_current_task_btf(), 0);
	return 0;
}

static int on_hold(struct bpf_map *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct holding *holding = value;
	struct wait wait = { .notice = holding->notice, .until = holding->since + HOLD_NS };
	__u32 tgid = task->tgid;

	wait.touched = BPF_CORE_READ(task, mm, arg_start);
	bpf_loop(1 << 22, wait_step, &wait, 0);
	count(&holds, 1);
	count(&held_ns, bpf_ktime_get_ns() - holding->since);
	bpf_map_delete_elem(&holdings, &tgid);
	return 0;
}

static __always_inline void hold(struct task_struct *task, __u64 notice)
{
	struct holding fresh = { .notice = notice, .since = bpf_ktime_get_ns() }, *holding;
	__u32 tgid = task->tgid;

	if (bpf_map_update_elem(&holdings, &tgid, &fresh, BPF_ANY))
		return;
	holding = bpf_map_lookup_elem(&holdings, &tgid);
	if (holding)
		bpf_task_work_schedule_resume_impl(task, &holding->work, &holdings, on_hold, NULL);
}

#endif
