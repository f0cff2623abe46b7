/* What the programs remember, who is traced, and the head of an event. */
#ifndef GLASSTAP_STATE_H
#define GLASSTAP_STATE_H

#include "ring.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* Settings: written once, before the programs are loaded. */
const volatile __u64 snap = ~0ULL;        /* bytes copied of a call */
const volatile bool trace_all = false;
const volatile bool follow = true;
const volatile bool by_name = false;
const volatile bool births = false;       /* keys of TLS are taken where they are made */
const volatile bool may_hold = false;     /* this kernel leaves work to a thread's way back, */
const volatile bool may_list = false;     /* and lets a program walk the mappings */

/* Set by scan_self, before anything is attached. */
__u32 self_tgid;          /* glasstap, in the kernel's own numbering */
__u32 ns_level;           /* the depth of its pid namespace, */
__u64 own_ns;             /* and where that lies */

/* Counters and flags that user space maps. */
__u64 lost[LOST_KINDS];
__u64 unplaced_bytes;
__u32 waiting_accepts;    /* accepted connections that nobody has used so far */
__u32 targets_alive;
__u64 next_conn = 1;
__u64 lost_secrets;
__u64 notices_sent, notices_lost;
__u64 notices_done[NOTICE_SLOTS]; /* by number modulo: written by the reader */
__u64 notices_answered;   /* also by the reader */
__u64 holds, holds_expired, held_ns, no_hold_until;

/* Traced processes: a bit for each pid, by the kernel's own numbering. Every
 * process on the machine looks here, so it takes one load, and no room can run
 * out. With -a it is not consulted. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_PIDS / 64);
	__type(key, __u32);
	__type(value, __u64);
} targets SEC(".maps");

/* Pids that the user named, as glasstap's pid namespace has them; the scan of
 * tasks turns them into targets and sets the value. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_WANTED);
	__type(key, __u32);
	__type(value, __u32);
} wanted SEC(".maps");

/* -n: the last part of a program's path. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_WANTED);
	__type(key, struct name);
	__type(value, __u32);
} names SEC(".maps");

/* What is known of a socket. Lives and dies with the socket itself, whichever
 * process holds it; a connection accepted from a listener starts with a copy of
 * the listener's. */
struct sock_state {
	__u64 id;              /* 0: between two connections */
	__u64 since;
	__u64 moved[2], lost[2], lost_events[2];
	__u32 pid, tid;        /* who opened it */
	char comm[EVENT_COMM];
	__u32 seq_in;          /* TCP: copied_seq after the last read that was counted */
	__u8 kind;
	__u8 announced;        /* its EVENT_OPEN is in the ring */
	__u8 reason;           /* enum close_reason so far */
	__u8 fin_counted;      /* seq_in is past the other side's FIN */
	__u8 closed;           /* its EVENT_CLOSE was said */
	__u8 used;             /* by a traced process, not only accepted from its listener */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct sock_state);
} sockets SEC(".maps");

/* Connections of which something was refused and not said so far. Emptied by
 * the reader; bounded: beyond it only the sum is known. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_REFUSED);
	__type(key, __u64);
	__type(value, struct refused);
} refused SEC(".maps");

/* What a thread is in the middle of. */
struct thread_state {
	__u64 messages;        /* sendmmsg, recvmmsg: the array, */
	__u32 next;            /* the entry whose turn it is, */
	__u32 unsure;          /* and whether that is not known */
	struct address sender; /* of the datagram that it is receiving */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
} threads SEC(".maps");

/* One for each CPU: the programs that use it run with preemption off. */
struct scratch {
	char data[2 * SCRATCH_HALF];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set to the number of CPUs */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline void count(__u64 *counter, __u64 by)
{
	__sync_fetch_and_add(counter, by);
}

static __always_inline bool is_target(__u32 tgid)
{
	__u32 slot = tgid / 64;
	__u64 *word = bpf_map_lookup_elem(&targets, &slot);

	return word && *word >> (tgid % 64) & 1;
}

static __always_inline bool is_traced(struct task_struct *task)
{
	if (trace_all)
		return task->tgid != self_tgid && !(task->flags & PF_KTHREAD);
	return is_target(task->tgid);
}

static __always_inline void target_add(__u32 tgid)
{
	__u32 slot = tgid / 64;
	__u64 *word = bpf_map_lookup_elem(&targets, &slot), bit = 1ULL << (tgid % 64);

	if (word && tgid != self_tgid && !(__sync_fetch_and_or(word, bit) & bit))
		__sync_fetch_and_add(&targets_alive, 1);
}

static __always_inline bool target_remove(__u32 tgid)
{
	__u32 slot = tgid / 64;
	__u64 *word = bpf_map_lookup_elem(&targets, &slot), bit = 1ULL << (tgid % 64);

	if (!word || !(__sync_fetch_and_and(word, ~bit) & bit))
		return false;
	__sync_fetch_and_add(&targets_alive, -1);
	return true;
}

/* A 32-bit program: its system calls have other numbers. */
static __always_inline bool is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return task->thread_info.status & 2; /* TS_COMPAT */
#else
	return task->thread_info.flags & (1UL << 22); /* TIF_32BIT */
#endif
}

/* The number of a pid as glasstap's own namespace shows it, 0 if it does not. */
static __always_inline __u32 pid_number(struct pid *pid)
{
	struct upid upid = {};

	if (!pid || BPF_CORE_READ(pid, level) < ns_level)
		return 0;
	bpf_probe_read_kernel(&upid, bpf_core_type_size(struct upid),
			      (char *)pid + bpf_core_field_offset(struct pid, numbers) +
				      ns_level * bpf_core_type_size(struct upid));
	return (__u64)upid.ns == own_ns ? upid.nr : 0;
}

static __always_inline __u32 pid_shown(struct task_struct *task)
{
	if (ns_level == 0)
		return task->tgid;
	return pid_number(BPF_CORE_READ(task, group_leader, thread_pid));
}

static __always_inline __u32 tid_shown(struct task_struct *task)
{
	if (ns_level == 0)
		return task->pid;
	return pid_number(BPF_CORE_READ(task, thread_pid));
}

static __always_inline void head_fill(struct event *head, __u16 type, __u32 size)
{
	head->size = size;
	head->type = type;
	head->cpu = bpf_get_smp_processor_id();
	head->time = bpf_ktime_get_boot_ns();
}

/* Of the current thread. */
static __always_inline void head_of_task(struct event *head, struct task_struct *task, __u16 type,
					 __u32 size)
{
	head_fill(head, type, size);
	head->pid = pid_shown(task);
	head->tid = tid_shown(task);
	__builtin_memcpy(head->comm, task->comm, sizeof(head->comm));
}

/* For what happens where the current thread has nothing to do with it. */
static __always_inline void head_of_owner(struct event *head, const struct sock_state *state,
					  __u16 type, __u32 size)
{
	head_fill(head, type, size);
	head->pid = state->pid;
	head->tid = state->tid;
	__builtin_memcpy(head->comm, state->comm, EVENT_COMM);
}

#endif
