/* The fields of the kernel's structs that the programs use, and no others. The
 * loader finds their places in the running kernel (CO-RE), so a build needs no
 * header of the machine's own kernel. A name behind ___ is a variant of the
 * struct before it, of another kernel version. */
#ifndef GLASSTAP_KERNEL_H
#define GLASSTAP_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct sockaddr_un {
	__u16 sun_family;
	char sun_path[108];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	unsigned int val;
} kuid_t;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	short unsigned int skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct pid_namespace {
	unsigned int level;
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[0];
};

struct socket;
struct sock;

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	__u16 sk_protocol;
	__u16 sk_type;
	int sk_err;
	__u8 sk_shutdown;
	struct pid *sk_peer_pid;
};

struct inet_connection_sock {
	const void *icsk_ulp_ops;
};

struct tcp_sock {
	__u32 copied_seq, rcv_nxt;
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
	int inq_len;
};

struct super_block {
	unsigned int s_dev;
};

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
	__s64 i_size;
	/* Since 6.11; before it one of the two below. */
	__s64 i_mtime_sec;
	__u32 i_mtime_nsec;
};

struct inode___hidden_time {
	struct timespec64 __i_mtime;
};

struct inode___plain_time {
	struct timespec64 i_mtime;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	void *private_data;
	struct inode *f_inode;
	struct path f_path;
};

struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root, pwd;
};

struct mm_struct {
	unsigned long arg_start, arg_end;
	unsigned long exec_vm; /* pages of code that are mapped */
};

struct vm_area_struct {
	unsigned long vm_start, vm_end;
	unsigned long vm_flags;
	struct file *vm_file;
};

struct cred {
	kuid_t uid;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	struct pid *pids[2];
};

#if defined(__TARGET_ARCH_x86)
struct thread_info {
	__u32 status;
};
#else
struct thread_info {
	unsigned long flags;
};
#endif

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	int exit_code;
	int pid, tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct mm_struct *mm;
	struct signal_struct *signal;
};

struct linux_binprm {
	const char *filename;
};

struct bpf_map {
	__u32 id;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

struct io_cqe {
	__u64 user_data;
	union {
		__s32 res;
		int fd;
	};
};

struct io_kiocb {
	__u8 opcode;
	__u64 flags;
	struct io_cqe cqe;
};

struct io_uring_cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};

struct io_sr_msg {
	void *buf;
	int len;
};

struct io_rw {
	__u64 addr;
	__u32 len;
};

#pragma clang attribute pop

/* User space's own layouts: fixed by the system call interface. */
struct user_iovec {
	__u64 base, len;
};

struct user_msghdr {
	__u64 name;
	__s32 name_len;
	__u32 pad;
	__u64 iov, iov_count;
	__u64 control, control_len;
	__u32 flags, pad2;
};

struct user_mmsghdr {
	struct user_msghdr header;
	__u32 len, pad;
};

struct user_sockaddr {
	__u16 family;
	__u8 port[2];
	union {
		__u8 ip4[4];
		struct {
			__u8 flow[4];
			__u8 ip6[16];
			__u32 scope;
		};
	};
};

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define MSG_OOB 1
#define MSG_PEEK 2
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000
#define VM_EXEC 4
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFIFO 0010000
#define PF_EXITING 0x4
#define PF_IO_WORKER 0x10
#define PF_KTHREAD 0x200000
#define SIGNAL_GROUP_EXIT 4
#define RCV_SHUTDOWN 1
#define SOCK_DONE_BIT 2       /* a FIN has come */
#define EINTR 4
#define EISCONN 106
#define EALREADY 114
#define EINPROGRESS 115
#define ECANCELED 125

/* Only those that are used; from enum in net/tcp_states.h. */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_FIN_WAIT1 4
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LAST_ACK 9
#define TCP_LISTEN 10

#endif
