/* System calls: number to operation, and where an operation keeps its buffers. */
#ifndef GLASSTAP_SYSCALLS_H
#define GLASSTAP_SYSCALLS_H

#include "state.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define REGS_ARG0(r) ((r)->di)
#define REGS_ARG1(r) ((r)->si)
#define REGS_ARG2(r) ((r)->dx)
#define REGS_ARG3(r) ((r)->r10)
#define REGS_ARG4(r) ((r)->r8)
#define REGS_ARG5(r) ((r)->r9)
#define REGS_NR(r) ((long)(r)->orig_ax)
#define REGS_RESULT(r) ((long)(r)->ax)
/* The entry code puts -ENOSYS there until the call has a result; work that is
 * done on the way out, for io_uring, finds the result. */
#define REGS_IN_SYSCALL(r) ((long)(r)->ax == -38)
#define NR_READ 0
#define NR_WRITE 1
#define NR_PREAD64 17
#define NR_PWRITE64 18
#define NR_READV 19
#define NR_WRITEV 20
#define NR_SENDFILE 40
#define NR_CONNECT 42
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_SENDMSG 46
#define NR_RECVMSG 47
#define NR_SPLICE 275
#define NR_PREADV 295
#define NR_PWRITEV 296
#define NR_RECVMMSG 299
#define NR_SENDMMSG 307
#define NR_PREADV2 327
#define NR_PWRITEV2 328
#define NR_IO_URING_ENTER 426
#elif defined(__TARGET_ARCH_arm64)
#define REGS_ARG0(r) ((r)->orig_x0)
#define REGS_ARG1(r) ((r)->regs[1])
#define REGS_ARG2(r) ((r)->regs[2])
#define REGS_ARG3(r) ((r)->regs[3])
#define REGS_ARG4(r) ((r)->regs[4])
#define REGS_ARG5(r) ((r)->regs[5])
#define REGS_NR(r) ((long)(r)->syscallno)
#define REGS_RESULT(r) ((long)(r)->regs[0])
#define REGS_IN_SYSCALL(r) true
#define NR_READ 63
#define NR_WRITE 64
#define NR_READV 65
#define NR_WRITEV 66
#define NR_PREAD64 67
#define NR_PWRITE64 68
#define NR_PREADV 69
#define NR_PWRITEV 70
#define NR_SENDFILE 71
#define NR_SPLICE 76
#define NR_CONNECT 203
#define NR_SENDTO 206
#define NR_RECVFROM 207
#define NR_SENDMSG 211
#define NR_RECVMSG 212
#define NR_RECVMMSG 243
#define NR_SENDMMSG 269
#define NR_PREADV2 286
#define NR_PWRITEV2 287
#define NR_IO_URING_ENTER 426
#else
#error "no system call table for this machine"
#endif

/* How a call's buffers are found. */
enum shape {
	SHAPE_NONE = 0,
	SHAPE_BUFFER,          /* arg1 is the buffer, arg2 its length */
	SHAPE_VECTOR,          /* arg1 is an iovec, arg2 the number of entries */
	SHAPE_MESSAGE,         /* arg1 is a msghdr */
	SHAPE_MESSAGES,        /* arg1 is an array of mmsghdr, arg2 their number */
	SHAPE_FILE,            /* none: sendfile, splice... */
};

struct call_kind {
	__u8 op, shape, dir;
};

/* A table and not a switch: what comes from it is unknown to the verifier, which
 * so walks what follows once and not once for each call. */
#define MAX_NR 512

#define KIND(name, where, way) \
	[NR_##name] = { .op = OP_##name, .shape = SHAPE_##where, .dir = DIR_##way }

static const volatile struct call_kind call_kinds[MAX_NR] = {
	KIND(READ, BUFFER, IN),       KIND(WRITE, BUFFER, OUT),
	KIND(PREAD64, BUFFER, IN),    KIND(PWRITE64, BUFFER, OUT),
	KIND(READV, VECTOR, IN),      KIND(WRITEV, VECTOR, OUT),
	KIND(PREADV, VECTOR, IN),     KIND(PWRITEV, VECTOR, OUT),
	KIND(PREADV2, VECTOR, IN),    KIND(PWRITEV2, VECTOR, OUT),
	KIND(RECVFROM, BUFFER, IN),   KIND(SENDTO, BUFFER, OUT),
	KIND(RECVMSG, MESSAGE, IN),   KIND(SENDMSG, MESSAGE, OUT),
	KIND(RECVMMSG, MESSAGES, IN), KIND(SENDMMSG, MESSAGES, OUT),
	KIND(SENDFILE, FILE, OUT),    KIND(SPLICE, FILE, OUT),
};

static __always_inline struct call_kind call_kind_of(long nr)
{
	struct call_kind kind = {};

	if (nr >= 0 && nr < MAX_NR) {
		kind.op = call_kinds[nr].op;
		kind.shape = call_kinds[nr].shape;
		kind.dir = call_kinds[nr].dir;
	}
	return kind;
}

/* 6.2 and newer: reads without a call. */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

/* The file behind a descriptor of the current thread; NULL: none. */
static __always_inline struct file *file_of(struct task_struct *task, __u32 fd)
{
	struct files_struct *files = task->files;
	struct fdtable *table;
	struct file *file = NULL;

	if (!files)
		return NULL;
	table = files->fdt;
	if (!table || fd >= table->max_fds)
		return NULL;
	if (bpf_rdonly_cast) {
		/* Any type of the kernel's that begins with a pointer. */
		struct hlist_head *slot =
			bpf_rdonly_cast(table->fd + fd, bpf_core_type_id_kernel(struct hlist_head));

		return (struct file *)slot->first;
	}
	bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
	return file;
}

#endif
