/* Code that a traced process has mapped is looked at before it runs.
 *
 * A launch says so, and so does a probe on the dynamic loader when the process
 * has more code than before. Files that were looked at are known here, so that
 * most of it costs no word to anybody. For the others the process waits, for a
 * moment, until the notice is answered: who places probes needs some milliseconds
 * for a file that he sees for the first time, and a quick program has its first
 * handshake behind it by then. While it waits it gives way to other threads; after
 * HOLD_NS it goes on whatever happened, and then for a while nobody waits. */
#ifndef GLASSTAP_NOTICE_H
#define GLASSTAP_NOTICE_H

#include "call.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, NOTICE_ROOM);
} notices SEC(".maps");

/* Files that have their probes, or need none. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_KNOWN);
	__type(key, struct file_id);
	__type(value, __u32);
} known SEC(".maps");

/* How much code a process had mapped when it was looked at. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_KNOWN);
	__type(key, __u32);
	__type(value, __u64);
} mapped SEC(".maps");

static __noinline int file_identify(struct file_id *id, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u64 seconds, nanoseconds;

	id->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	id->inode = BPF_CORE_READ(inode, i_ino);
	id->size = BPF_CORE_READ(inode, i_size);
	if (bpf_core_field_exists(inode->i_mtime_sec)) {
		seconds = BPF_CORE_READ(inode, i_mtime_sec);
		nanoseconds = BPF_CORE_READ(inode, i_mtime_nsec);
	} else if (bpf_core_field_exists(struct inode___hidden_time, __i_mtime)) {
		struct inode___hidden_time *old = (void *)inode;

		seconds = BPF_CORE_READ(old, __i_mtime.tv_sec);
		nanoseconds = BPF_CORE_READ(old, __i_mtime.tv_nsec);
	} else {
		struct inode___plain_time *old = (void *)inode;

		seconds = BPF_CORE_READ(old, i_mtime.tv_sec);
		nanoseconds = BPF_CORE_READ(old, i_mtime.tv_nsec);
	}
	id->changed = seconds * 1000000000 + nanoseconds;
	return 0;
}

/* ---- waiting --------------------------------------------------------------------- */

struct wait {
	__u64 notice, since;
	__u64 answered, moved; /* how many notices were, and when the last of them */
};

static int wait_step(__u32 i, struct wait *wait)
{
	volatile __u64 *done = &notices_done[wait->notice % NOTICE_SLOTS];
	__u64 now, answered = *(volatile __u64 *)&notices_answered;
	struct task_struct *task = bpf_get_current_task_btf();
	char byte;

	if (*done >= wait->notice)
		return 1;
	now = bpf_ktime_get_ns();
	if (answered != wait->answered) {
		wait->answered = answered;
		wait->moved = now;
	}
	if (now - wait->moved >= HOLD_NS || now - wait->since >= HOLD_MAX_NS) {
		count(&holds_expired, 1);
		/* Nobody is there to answer. */
		if (now - wait->moved >= HOLD_NS)
			no_hold_until = now + NO_HOLD_NS;
		return 1;
	}
	/* Not for the byte: on its way the kernel lets others run, in every model of
	 * preemption. It fails when the process is being killed. */
	return bpf_copy_from_user_task(&byte, 1, (void *)BPF_CORE_READ(task, mm, arg_start), task,
				       0) != 0;
}

static __noinline int wait_for(struct task_struct *task, __u64 notice)
{
	struct wait wait = { .notice = notice, .since = bpf_ktime_get_ns() };

	wait.moved = wait.since;
	if (!notice || wait.since < no_hold_until)
		return 0;
	bpf_loop(1 << 22, wait_step, &wait, 0);
	count(&holds, 1);
	count(&held_ns, bpf_ktime_get_ns() - wait.since);
	return 0;
}

/* ---- what is mapped ------------------------------------------------------------------ */

struct bpf_iter_task_vma {
	__u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *walk, struct task_struct *task,
				 __u64 address) __ksym __weak;
extern struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *walk) __ksym __weak;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *walk) __ksym __weak;

/* The files of code that are not known, the first few. */
static __always_inline void list_unknown(struct task_struct *task, struct notice *notice)
{
	struct bpf_iter_task_vma walk;
	struct vm_area_struct *area;
	__u32 count = 0;

	bpf_iter_task_vma_new(&walk, task, 0);
	while ((area = bpf_iter_task_vma_next(&walk)) && count < NOTICE_FILES) {
		struct noticed *noticed = &notice->files[count];
		struct file *file = area->vm_file;

		if (!(area->vm_flags & VM_EXEC) || !file)
			continue;
		file_identify(&noticed->id, file);
		if (bpf_map_lookup_elem(&known, &noticed->id))
			continue;
		noticed->start = area->vm_start;
		noticed->end = area->vm_end;
		count++;
	}
	bpf_iter_task_vma_destroy(&walk);
	notice->count = count;
}

/* Says what has to be looked at. Returns the number of the notice; 0: nothing has. */
static __noinline __u64 look(struct task_struct *task)
{
	struct notice *notice = bpf_ringbuf_reserve(&notices, sizeof(*notice), 0);
	__u64 number;

	if (!notice) {
		count(&notices_lost, 1);
		return 0;
	}
	notice->count = 0;
	if (may_list) {
		list_unknown(task, notice);
		if (!notice->count) {
			bpf_ringbuf_discard(notice, BPF_RB_NO_WAKEUP);
			return 0;
		}
	}
	number = notice->number = __sync_fetch_and_add(&notices_sent, 1) + 1;
	notice->pid = pid_shown(task);
	bpf_ringbuf_submit(notice, BPF_RB_FORCE_WAKEUP);
	return number;
}

/* ---- a launch: waits on its way back to user space, before the first instruction --- */

struct holding {
	struct bpf_task_work work;
	__u64 notice;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NOTICE_SLOTS);
	__type(key, __u32);
	__type(value, struct holding);
} holdings SEC(".maps");

static int on_way_back(struct bpf_map *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct holding *holding = value;
	__u32 tgid = task->tgid;

	wait_for(task, holding->notice);
	bpf_map_delete_elem(&holdings, &tgid);
	return 0;
}

static __always_inline void hold_launch(struct task_struct *task, __u64 notice)
{
	struct holding fresh = { .notice = notice }, *holding;
	__u32 tgid = task->tgid;

	if (bpf_map_update_elem(&holdings, &tgid, &fresh, BPF_ANY))
		return;
	holding = bpf_map_lookup_elem(&holdings, &tgid);
	if (holding)
		bpf_task_work_schedule_resume_impl(task, &holding->work, &holdings, on_way_back,
						   NULL);
}

static __always_inline void on_launch(struct task_struct *task)
{
	__u64 code = BPF_CORE_READ(task, mm, exec_vm), notice;
	__u32 tgid = task->tgid;

	if (!births)
		return;
	bpf_map_update_elem(&mapped, &tgid, &code, BPF_ANY);
	notice = look(task);
	if (notice && may_hold)
		hold_launch(task, notice);
}

/* ---- a library: waits where the loader has the probe -------------------------------- */

static __noinline int on_load(struct task_struct *task)
{
	__u64 code = BPF_CORE_READ(task, mm, exec_vm), *before;
	__u32 tgid = task->tgid;

	before = bpf_map_lookup_elem(&mapped, &tgid);
	if (before && *before == code)
		return 0;
	bpf_map_update_elem(&mapped, &tgid, &code, BPF_ANY);
	return wait_for(task, look(task));
}

#endif
