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

/* ---- waiting --------------------------------------------------------------------- */

/* A process waits on its way back to user space, in rounds: each leaves work for
 * the next one, and between two of them the kernel lets others run, holding
 * nothing. The work of a round cannot be left while it is being done, so there
 * are two, in turns. */
struct holding {
	struct bpf_task_work work;
	__u64 notice, since;
	__u64 answered, moved; /* how many notices were, and when the last of them */
};

#define HOLDINGS(name)                                    \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_HASH);          \
		__uint(map_flags, BPF_F_NO_PREALLOC);     \
		__uint(max_entries, NOTICE_SLOTS);        \
		__type(key, __u32);                       \
		__type(value, struct holding);            \
	} name SEC(".maps")
HOLDINGS(holdings_odd);
HOLDINGS(holdings_even);

static __always_inline bool is_over(struct task_struct *task, struct holding *holding)
{
	volatile __u64 *done = &notices_done[holding->notice % NOTICE_SLOTS];
	__u64 now = bpf_ktime_get_ns(), answered = *(volatile __u64 *)&notices_answered;

	if (*done >= holding->notice || task->flags & PF_EXITING)
		return true;
	if (answered != holding->answered) {
		holding->answered = answered;
		holding->moved = now;
	}
	if (now - holding->moved < HOLD_NS && now - holding->since < HOLD_MAX_NS)
		return false;
	count(&holds_expired, 1);
	/* Nobody is there to answer? */
	if (now - holding->moved >= HOLD_NS)
		no_hold_until = now + NO_HOLD_NS;
	return true;
}

static __always_inline void holding_end(__u32 tid)
{
	bpf_map_delete_elem(&holdings_odd, &tid);
	bpf_map_delete_elem(&holdings_even, &tid);
}

/* Ends one round. Returns the place of the next in the other map; NULL: the
 * waiting is over. */
static __always_inline struct holding *next_round(struct task_struct *task, struct holding *this,
						  void *others)
{
	struct holding *next;
	__u32 tid = task->pid;

	if (is_over(task, this)) {
		count(&holds, 1);
		count(&held_ns, bpf_ktime_get_ns() - this->since);
		holding_end(tid);
		return NULL;
	}
	next = bpf_map_lookup_elem(others, &tid);
	if (next) {
		next->notice = this->notice;
		next->since = this->since;
		next->answered = this->answered;
		next->moved = this->moved;
	}
	return next;
}

static int on_odd_round(struct bpf_map *map, void *key, void *value);

static int on_even_round(struct bpf_map *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct holding *next = next_round(task, value, &holdings_odd);

	if (next)
		bpf_task_work_schedule_resume_impl(task, &next->work, &holdings_odd, on_odd_round,
						   NULL);
	return 0;
}

static int on_odd_round(struct bpf_map *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct holding *next = next_round(task, value, &holdings_even);

	if (next)
		bpf_task_work_schedule_resume_impl(task, &next->work, &holdings_even,
						   on_even_round, NULL);
	return 0;
}

static __noinline int hold(struct task_struct *task, __u64 notice)
{
	struct holding fresh = { .notice = notice, .since = bpf_ktime_get_ns() }, *first;
	__u32 tid = task->pid;

	if (!notice || fresh.since < no_hold_until)
		return 0;
	fresh.moved = fresh.since;
	if (bpf_map_update_elem(&holdings_odd, &tid, &fresh, BPF_NOEXIST) ||
	    bpf_map_update_elem(&holdings_even, &tid, &fresh, BPF_NOEXIST))
		return 0;
	first = bpf_map_lookup_elem(&holdings_odd, &tid);
	if (first)
		bpf_task_work_schedule_resume_impl(task, &first->work, &holdings_odd, on_odd_round,
						   NULL);
	return 0;
}

/* ---- a launch, and a library ----------------------------------------------------------- */

/* Returns the number of the notice to be waited for; 0: none. The programs come in
 * two forms, with waiting and without: the kernel follows the rounds' calls of one
 * another also where they cannot be reached. */
static __always_inline __u64 on_launch(struct task_struct *task)
{
	__u64 code = BPF_CORE_READ(task, mm, exec_vm);
	__u32 tgid = task->tgid;

	if (!births)
		return 0;
	bpf_map_update_elem(&mapped, &tgid, &code, BPF_ANY);
	return look(task);
}

/* Where the loader has the probe. */
static __noinline __u64 on_load(struct task_struct *task)
{
	__u64 code = BPF_CORE_READ(task, mm, exec_vm), *before;
	__u32 tgid = task->tgid;

	before = bpf_map_lookup_elem(&mapped, &tgid);
	if (before && *before == code)
		return 0;
	bpf_map_update_elem(&mapped, &tgid, &code, BPF_ANY);
	return look(task);
}

static __always_inline void on_end(struct task_struct *task)
{
	__u32 tgid = task->tgid;

	if (!births)
		return;
	bpf_map_delete_elem(&mapped, &tgid);
	holding_end(task->pid);
}

#endif
