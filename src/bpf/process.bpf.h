/* Processes: who is traced, and every launch and end of a program. */
#ifndef GLASSTAP_PROCESS_H
#define GLASSTAP_PROCESS_H

#include "copy.bpf.h"
#include "notice.bpf.h"

#define PATH_ROOM 4096
#define PATH_DEPTH 48      /* names in a working directory's path */
#define TEXT_PIECE 16384

/* One piece of text: arguments from the program's memory, the rest from that
 * place in the scratch space. Returns 0 if it found no room. */
__noinline int text_say(__u32 kind, __u32 done, __u64 from, __u64 len)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);
	struct event_text *text;
	char *from_scratch;
	long failed;

	if (!scratch)
		return 0;
	CLAMP(len, TEXT_PIECE);
	text = ring_event(sizeof(*text) + len);
	if (!text)
		return 0;
	head_of_task(&text->head, bpf_get_current_task_btf(), EVENT_TEXT, sizeof(*text) + len);
	text->kind = kind;
	text->done = done;
	text->len = len;
	from_scratch = scratch->data + (from & (2 * SCRATCH_HALF - 1));
	failed = kind == TEXT_ARGV ? bpf_probe_read_user(text + 1, len, (void *)from) :
				     bpf_probe_read_kernel(text + 1, len, from_scratch);
	text->unread = failed != 0;
	ring_event_done(text);
	return 1;
}

/* The i-th piece of a longer text. Returns 1 at the end. */
__noinline int text_next(__u32 kind, __u32 i, __u64 from, __u64 len)
{
	__u64 done = (__u64)i * TEXT_PIECE;

	if (done >= len)
		return 1;
	if (text_say(kind, done, from + done, len - done))
		return 0;
	count(&lost[LOST_EXEC], 1);
	return 1;
}

/* A path, written backwards into the second half of the scratch space. */
struct path_walk {
	struct mount *mount;
	struct dentry *dentry;
	struct vfsmount *root_mount;
	struct dentry *root_dentry;
	__u64 begin;           /* of what is written so far */
};

/* One name more. Returns 1 at the root. */
__noinline int path_step(struct path_walk *walk)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);
	struct mount *here, *above;
	struct vfsmount *mount;
	struct dentry *dentry;
	const unsigned char *name;
	__u64 len, at;
	char *room;

	if (!walk || !scratch)
		return 1;
	room = scratch->data + SCRATCH_HALF;
	here = walk->mount;
	dentry = walk->dentry;
	mount = (void *)here + bpf_core_field_offset(struct mount, mnt);
	if (dentry == walk->root_dentry && mount == walk->root_mount)
		return 1;
	if (dentry == BPF_CORE_READ(mount, mnt_root)) {
		above = BPF_CORE_READ(here, mnt_parent);
		walk->dentry = BPF_CORE_READ(here, mnt_mountpoint);
		walk->mount = above;
		return above == here;
	}
	len = BPF_CORE_READ(dentry, d_name.len);
	name = BPF_CORE_READ(dentry, d_name.name);
	if (len > 255 || len + 1 > walk->begin)
		return 1;
	at = walk->begin - len;
	CLAMP(at, PATH_ROOM);
	CLAMP(len, 255);
	bpf_probe_read_kernel(room + at, len, name);
	at = (at - 1) & (PATH_ROOM - 1);
	room[at] = '/';
	walk->begin = at;
	walk->dentry = BPF_CORE_READ(dentry, d_parent);
	return 0;
}

/* The working directory as the process itself would see it. Returns where it
 * begins; it ends at PATH_ROOM - 1. */
static __always_inline __u32 path_of_cwd(struct task_struct *task, char *room)
{
	struct fs_struct *fs = task->fs;
	struct path_walk walk = { .begin = PATH_ROOM - 1 };

	if (!fs)
		return walk.begin;
	walk.mount = (void *)BPF_CORE_READ(fs, pwd.mnt) - bpf_core_field_offset(struct mount, mnt);
	walk.dentry = BPF_CORE_READ(fs, pwd.dentry);
	walk.root_mount = BPF_CORE_READ(fs, root.mnt);
	walk.root_dentry = BPF_CORE_READ(fs, root.dentry);
	for (int i = 0; i < PATH_DEPTH; i++)
		if (path_step(&walk))
			break;
	if (walk.begin == PATH_ROOM - 1) {
		walk.begin--;
		room[PATH_ROOM - 2] = '/';
	}
	return walk.begin;
}

static __always_inline void exec_say(struct task_struct *task, const char *filename)
{
	__u32 cpu = bpf_get_smp_processor_id(), begin;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);
	struct event_exec *exec;
	__u64 from, to, len;
	long name_len;

	if (!scratch)
		return;
	/* The first half holds the name, the second the directory. */
	name_len = bpf_probe_read_kernel_str(scratch->data, PATH_ROOM, filename);
	if (name_len < 1)
		name_len = 1;
	begin = path_of_cwd(task, scratch->data + SCRATCH_HALF);
	from = BPF_CORE_READ(task, mm, arg_start);
	to = BPF_CORE_READ(task, mm, arg_end);
	len = to > from ? to - from : 0;

	exec = ring_event(sizeof(*exec));
	if (!exec) {
		count(&lost[LOST_EXEC], 1);
		return;
	}
	__builtin_memset(exec, 0, sizeof(*exec));
	head_of_task(&exec->head, task, EVENT_EXEC, sizeof(*exec));
	exec->start = task->start_boottime;
	exec->ppid = pid_shown(task->real_parent);
	exec->uid = BPF_CORE_READ(task, cred, uid.val);
	exec->text_len[TEXT_FILENAME] = name_len - 1;
	exec->text_len[TEXT_CWD] = PATH_ROOM - 1 - begin;
	exec->text_len[TEXT_ARGV] = len;
	ring_event_done(exec);

	text_say(TEXT_FILENAME, 0, 0, name_len - 1);
	text_say(TEXT_CWD, 0, SCRATCH_HALF + begin, PATH_ROOM - 1 - begin);
	/* 4 MiB in pieces: more than execve(2) takes with the usual stack limit. */
	for (__u32 i = 0; i < 256; i++)
		if (text_next(TEXT_ARGV, i, from, len))
			break;
}

/* -n: by the last part of the program's path. */
static __always_inline bool is_named(const char *filename)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);
	struct name name = {};
	__u32 last = 0;
	long len;

	if (!scratch)
		return false;
	len = bpf_probe_read_kernel_str(scratch->data, 512, filename);
	for (int i = 0; i < 511; i++) {
		if (i >= len)
			break;
		if (scratch->data[i] == '/')
			last = i + 1;
	}
	bpf_probe_read_kernel_str(name.text, sizeof(name.text), filename + last);
	return bpf_map_lookup_elem(&names, &name) != NULL;
}

static __always_inline __u64 launched(struct task_struct *task, struct linux_binprm *program)
{
	const char *filename = BPF_CORE_READ(program, filename);
	__u64 notice;

	if (by_name && is_named(filename))
		target_add(task->tgid);
	if (!is_traced(task))
		return 0;
	notice = on_launch(task);
	exec_say(task, filename);
	return notice;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *program)
{
	launched(task, program);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(on_exec_held, struct task_struct *task, int old_pid, struct linux_binprm *program)
{
	return hold(task, launched(task, program));
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	if (!trace_all && follow && parent->tgid != child->tgid && is_traced(parent))
		target_add(child->tgid);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct event_exit *exit;
	__u32 tgid = task->tgid;

	/* The process ends with its last thread. */
	if (signal->live.counter != 0 || !is_traced(task))
		return 0;
	on_end(task);
	exit = ring_event(sizeof(*exit));
	if (exit) {
		head_of_task(&exit->head, task, EVENT_EXIT, sizeof(*exit));
		exit->start = BPF_CORE_READ(task, group_leader, start_boottime);
		exit->pad = 0;
		exit->status = signal->flags & SIGNAL_GROUP_EXIT ?
				       signal->group_exit_code :
				       BPF_CORE_READ(task, group_leader, exit_code);
		ring_event_done(exit);
	} else {
		count(&lost[LOST_EXIT], 1);
	}
	if (!trace_all && target_remove(tgid) && !targets_alive)
		wake_reader();
	return 0;
}

#endif
