/* --all-fds: what processes move through descriptors that are no sockets. No
 * tracepoint tells that but the end of every system call, which every process on
 * the machine pays for; so it is attached only when it is asked for. */
#ifndef GLASSTAP_FILE_H
#define GLASSTAP_FILE_H

#include "process.bpf.h"
#include "socket.bpf.h"

struct file_key {
	__u64 file;
	__u64 inode;
};

/* An open file (not a descriptor: they may share it). The least recently used
 * goes first; should it be used again, it gets a new name. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* MAX_FILES when it is used */
	__type(key, struct file_key);
	__type(value, struct sock_state);
} files SEC(".maps");

/* The file's path; of a long one the end, behind three dots. */
static __always_inline void file_path(struct event_open *open, struct task_struct *task,
				      struct file *file)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);
	struct path_walk walk = { .begin = PATH_ROOM - 1 };
	struct fs_struct *fs = task->fs;
	__u64 len;

	if (!scratch || !fs)
		return;
	walk.mount = (void *)BPF_CORE_READ(file, f_path.mnt) -
		     bpf_core_field_offset(struct mount, mnt);
	walk.dentry = BPF_CORE_READ(file, f_path.dentry);
	walk.root_mount = BPF_CORE_READ(fs, root.mnt);
	walk.root_dentry = BPF_CORE_READ(fs, root.dentry);
	for (int i = 0; i < PATH_DEPTH; i++)
		if (path_step(&walk))
			break;
	len = PATH_ROOM - 1 - walk.begin;
	if (len > EVENT_PATH) {
		len = EVENT_PATH;
		walk.begin = PATH_ROOM - 1 - EVENT_PATH;
	}
	CLAMP(len, EVENT_PATH);
	open->local_len = len;
	bpf_probe_read_kernel(open->local_path, len,
			      scratch->data + SCRATCH_HALF + (walk.begin & (PATH_ROOM - 1)));
	if (len == EVENT_PATH)
		open->local_path[0] = open->local_path[1] = open->local_path[2] = '.';
}

static __always_inline void file_announce(struct sock_state *state, struct task_struct *task,
					  struct file *file, struct inode *inode, __s32 fd)
{
	struct event_open *open = ring_event(sizeof(*open));

	if (!open) {
		count(&lost[LOST_OPEN], 1);
		return;
	}
	__builtin_memset(open, 0, sizeof(*open));
	head_of_task(&open->head, task, EVENT_OPEN, sizeof(*open));
	open->conn = state->id;
	open->kind = OPEN_FILE;
	open->fd = fd;
	open->inode = BPF_CORE_READ(inode, i_ino);
	open->type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	/* Pipes and the like have no path, only a number. */
	if (open->type != S_IFIFO)
		file_path(open, task, file);
	ring_event_done(open);
	state->announced = 1;
}

static __always_inline struct sock_state *file_state(struct task_struct *task, struct file *file,
						     struct inode *inode)
{
	struct file_key key = { .file = (__u64)file };
	struct sock_state *state, fresh;

	key.inode = BPF_CORE_READ(inode, i_ino);
	state = bpf_map_lookup_elem(&files, &key);
	if (state)
		return state;
	state_begin(&fresh, task, OPEN_FILE, 0);
	if (bpf_map_update_elem(&files, &key, &fresh, BPF_NOEXIST))
		count(&lost[LOST_UNTRACKED], 1);
	return bpf_map_lookup_elem(&files, &key);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_kind kind = call_kind_of(REGS_NR(regs));
	struct event_data data = {};
	struct sock_state *state;
	struct inode *inode;
	struct file *file;
	__u32 fd = REGS_ARG0(regs);

	if (result <= 0 || (kind.shape != SHAPE_BUFFER && kind.shape != SHAPE_VECTOR) ||
	    !is_traced(task) || is_compat(task))
		return 0;
	file = file_of(task, fd);
	if (!file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFSOCK)
		return 0;
	state = file_state(task, file, inode);
	if (!state)
		return 0;
	if (!state->announced)
		file_announce(state, task, file, inode, fd);
	head_of_task(&data.head, task, EVENT_DATA, sizeof(data));
	data.conn = state->id;
	data.offset = __sync_fetch_and_add(&state->moved[kind.dir & 1], result);
	data.moved = result;
	data.fd = fd;
	data.op = kind.op;
	data.dir = kind.dir;
	if (kind.shape == SHAPE_BUFFER)
		emit_buffer(state, &data, REGS_ARG1(regs), result);
	else
		emit_vector(state, &data, REGS_ARG1(regs), REGS_ARG2(regs), result);
	return 0;
}

#endif
