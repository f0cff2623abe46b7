/* System calls: number to operation, and where an operation keeps its buffers. */
#ifndef GLASSTAP_SYSCALLS_H
#define GLASSTAP_SYSCALLS_H

#include "event.h"
#include "kernel.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define REGS_ARG0(r) ((r)->di)
#define REGS_ARG1(r) ((r)->si)
#define REGS_ARG2(r) ((r)->dx)
#define REGS_ARG3(r) ((r)->r10)
#define REGS_ARG4(r) ((r)->r8)
#define REGS_ARG5(r) ((r)->r9)
#define REGS_NR(r) ((long)(r)->orig_ax)
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
#define NR_TEE 276
#define NR_VMSPLICE 278
#define NR_PREADV 295
#define NR_PWRITEV 296
#define NR_RECVMMSG 299
#define NR_SENDMMSG 307
#define NR_COPY_FILE_RANGE 326
#define NR_PREADV2 327
#define NR_PWRITEV2 328
#elif defined(__TARGET_ARCH_arm64)
#define REGS_ARG0(r) ((r)->orig_x0)
#define REGS_ARG1(r) ((r)->regs[1])
#define REGS_ARG2(r) ((r)->regs[2])
#define REGS_ARG3(r) ((r)->regs[3])
#define REGS_ARG4(r) ((r)->regs[4])
#define REGS_ARG5(r) ((r)->regs[5])
#define REGS_NR(r) ((long)(r)->syscallno)
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
#define NR_VMSPLICE 75
#define NR_SPLICE 76
#define NR_TEE 77
#define NR_CONNECT 203
#define NR_SENDTO 206
#define NR_RECVFROM 207
#define NR_SENDMSG 211
#define NR_RECVMSG 212
#define NR_RECVMMSG 243
#define NR_SENDMMSG 269
#define NR_COPY_FILE_RANGE 285
#define NR_PREADV2 286
#define NR_PWRITEV2 287
#else
#error "no system call table for this machine"
#endif

/* The second bit field of a call: how the buffers are found. */
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

static __always_inline struct call_kind call_kind_of(long nr)
{
#define KIND(o, s, d) ((struct call_kind){ .op = (o), .shape = (s), .dir = (d) })
	switch (nr) {
	case NR_READ: return KIND(OP_READ, SHAPE_BUFFER, DIR_IN);
	case NR_WRITE: return KIND(OP_WRITE, SHAPE_BUFFER, DIR_OUT);
	case NR_PREAD64: return KIND(OP_PREAD64, SHAPE_BUFFER, DIR_IN);
	case NR_PWRITE64: return KIND(OP_PWRITE64, SHAPE_BUFFER, DIR_OUT);
	case NR_READV: return KIND(OP_READV, SHAPE_VECTOR, DIR_IN);
	case NR_WRITEV: return KIND(OP_WRITEV, SHAPE_VECTOR, DIR_OUT);
	case NR_PREADV: return KIND(OP_PREADV, SHAPE_VECTOR, DIR_IN);
	case NR_PWRITEV: return KIND(OP_PWRITEV, SHAPE_VECTOR, DIR_OUT);
	case NR_PREADV2: return KIND(OP_PREADV2, SHAPE_VECTOR, DIR_IN);
	case NR_PWRITEV2: return KIND(OP_PWRITEV2, SHAPE_VECTOR, DIR_OUT);
	case NR_SENDTO: return KIND(OP_SENDTO, SHAPE_BUFFER, DIR_OUT);
	case NR_RECVFROM: return KIND(OP_RECVFROM, SHAPE_BUFFER, DIR_IN);
	case NR_SENDMSG: return KIND(OP_SENDMSG, SHAPE_MESSAGE, DIR_OUT);
	case NR_RECVMSG: return KIND(OP_RECVMSG, SHAPE_MESSAGE, DIR_IN);
	case NR_SENDMMSG: return KIND(OP_SENDMMSG, SHAPE_MESSAGES, DIR_OUT);
	case NR_RECVMMSG: return KIND(OP_RECVMMSG, SHAPE_MESSAGES, DIR_IN);
	case NR_SENDFILE: return KIND(OP_SENDFILE, SHAPE_FILE, DIR_OUT);
	case NR_SPLICE: return KIND(OP_SPLICE, SHAPE_FILE, DIR_OUT);
	default: return KIND(OP_UNKNOWN, SHAPE_NONE, DIR_OUT);
	}
#undef KIND
}

#endif
