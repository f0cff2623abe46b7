/* Keys of TLS, where programs make them: a few hits for each handshake.
 *
 * One program serves every probe; the cookie says what it stands on. It may
 * sleep, so that what the traced program has not touched yet (its own constants)
 * can be read. What the arguments point to is hostile: anything that is not of
 * the right form is passed over.
 *
 * No function here may have 64 bytes of stack or more. Since Linux 6.13 those get
 * one stack for each processor, and a program that sleeps (or is preempted)
 * shares it with the next process that comes by. So what they work on lies in the
 * thread's own storage. scripts/check-stack keeps watch. */
#ifndef GLASSTAP_SECRET_H
#define GLASSTAP_SECRET_H

#include "notice.bpf.h"

#define MAX_PARAMS 16      /* OpenSSL 3 gives six or seven */
#define MASTER_LEN 48
#define GO_WORDS 9

/* OSSL_PARAM of core.h: a public interface, which cannot change. */
struct user_param {
	__u64 key;
	__u32 type, pad;
	__u64 data, size, return_size;
};

/* What a thread that has hit a probe is working on. */
struct birth {
	struct event_secret secret;
	__u64 words[GO_WORDS]; /* Go: the arguments */
	struct user_param param;
	__u64 key, key_len;    /* OpenSSL: what matters of its parameters */
	__u64 seed[3], seed_len[3];
	__u32 seeds;
	__u32 is_traffic;      /* TLS 1.3, label "key": the key is a traffic secret */
	char text[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct birth);
} birth_places SEC(".maps");

static __noinline int secret_say(struct birth *birth)
{
	struct event_secret *secret = &birth->secret, *event;

	head_of_task(&secret->head, bpf_get_current_task_btf(), EVENT_SECRET, sizeof(*secret));
	secret->source = SECRET_BIRTH;
	event = ring_event(sizeof(*event));
	if (!event) {
		count(&lost_secrets, 1);
		return 0;
	}
	*event = *secret;
	ring_event_done(event);
	return 0;
}

/* Where the i-th word of a Go function's arguments is: the same words, in
 * registers or on the stack. */
static __always_inline __u64 go_register(struct pt_regs *regs, int i)
{
#if defined(__TARGET_ARCH_x86)
	switch (i) {
	case 0: return regs->ax;
	case 1: return regs->bx;
	case 2: return regs->cx;
	case 3: return regs->di;
	case 4: return regs->si;
	case 5: return regs->r8;
	case 6: return regs->r9;
	case 7: return regs->r10;
	default: return regs->r11;
	}
#else
	return regs->regs[i];
#endif
}

static __always_inline bool go_arguments(struct birth *birth, struct pt_regs *regs, __u64 cookie)
{
	/* Above the place at entry lies the return address, or room for it. */
	__u64 stack = regs->sp + COOKIE_DEPTH(cookie) + 8;

	if (cookie & COOKIE_ON_STACK)
		return !bpf_copy_from_user(birth->words, sizeof(birth->words), (void *)stack);
#pragma unroll
	for (int i = 0; i < GO_WORDS; i++)
		birth->words[i] = go_register(regs, i);
	return true;
}

static __always_inline bool secret_bytes(struct birth *birth, __u64 from, __u64 len)
{
	__u8 *to = birth->secret.secret;

	birth->secret.secret_len = len;
	if (len == MASTER_LEN)
		return !bpf_copy_from_user(to, MASTER_LEN, (void *)from);
	return len == 32 && !bpf_copy_from_user(to, 32, (void *)from);
}

static __always_inline bool secret_random(struct birth *birth, __u64 from, __u64 len)
{
	birth->secret.random_len = SECRET_RANDOM;
	return len == SECRET_RANDOM &&
	       !bpf_copy_from_user(birth->secret.random, SECRET_RANDOM, (void *)from);
}

static __always_inline void label_master(struct birth *birth)
{
	__builtin_memcpy(birth->secret.label, "CLIENT_RANDOM", 14);
}

static __noinline int go_log(struct birth *birth, struct pt_regs *regs, __u64 cookie)
{
	__u64 *words = birth->words, len;

	if (!go_arguments(birth, regs, cookie))
		return 0;
	len = words[2];
	if (len < 4 || len >= SECRET_LABEL)
		return 0;
	CLAMP(len, SECRET_LABEL - 1);
	if (!bpf_copy_from_user(birth->secret.label, len, (void *)words[1]) &&
	    secret_random(birth, words[3], words[4]) && secret_bytes(birth, words[6], words[7]))
		secret_say(birth);
	return 0;
}

static __noinline int go_master(struct birth *birth, struct pt_regs *regs, __u64 cookie)
{
	__u64 *words = birth->words;

	if (!go_arguments(birth, regs, cookie) || words[3] != MASTER_LEN)
		return 0;
	label_master(birth);
	if (secret_bytes(birth, words[2], words[3]) && secret_random(birth, words[5], words[6]))
		secret_say(birth);
	return 0;
}

/* Up to seven bytes of a string, the rest zero. */
static __always_inline __u64 short_string(struct birth *birth, __u64 from)
{
	__u64 *word = (__u64 *)birth->text;

	/* These bring in what is not there yet; the string may end anywhere. */
	bpf_copy_from_user(birth->text, 1, (void *)from);
	bpf_copy_from_user(birth->text, 1, (void *)(from + 7));
	*word = 0;
	bpf_probe_read_user_str(birth->text, 8, (void *)from);
	return *word;
}

/* The same of a constant: little-endian, as both machines are. */
#define WORD4(a, b, c, d) ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24)
#define WORD6(a, b, c, d, e, f) (WORD4(a, b, c, d) | (__u64)(e) << 32 | (__u64)(f) << 40)

/* Not static: verified by itself, not once for every way through the loop. */
__noinline int param_take(struct birth *birth)
{
	struct user_param *param;
	__u64 name;

	if (!birth)
		return 0;
	param = &birth->param;
	name = short_string(birth, param->key);
	if (name == WORD4('k', 'e', 'y', 0) || name == WORD6('s', 'e', 'c', 'r', 'e', 't')) {
		birth->key = param->data;
		birth->key_len = param->size;
	} else if (name == WORD6('l', 'a', 'b', 'e', 'l', 0) && param->size == 3) {
		birth->is_traffic = !bpf_copy_from_user(birth->text, 3, (void *)param->data) &&
				    birth->text[0] == 'k' && birth->text[1] == 'e' &&
				    birth->text[2] == 'y';
	} else if (name == WORD4('s', 'e', 'e', 'd') && param->size) {
		__u32 i = birth->seeds;

		if (i < 3) {
			birth->seed[i] = param->data;
			birth->seed_len[i] = param->size;
			birth->seeds = i + 1;
		}
	}
	return 0;
}

/* TLS 1.2: PRF(master, "key expansion" + server random + client random). */
static __always_inline bool is_expansion(struct birth *birth)
{
	static const char wanted[13] = "key expansion";

	if (birth->seeds < 3 || birth->seed_len[0] != sizeof(wanted) ||
	    birth->seed_len[1] != SECRET_RANDOM || birth->key_len != MASTER_LEN ||
	    bpf_copy_from_user(birth->text, sizeof(wanted), (void *)birth->seed[0]))
		return false;
	for (int i = 0; i < (int)sizeof(wanted); i++)
		if (birth->text[i] != wanted[i])
			return false;
	return true;
}

static __noinline int kdf(struct birth *birth, struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	__u64 at = regs->cx;
#else
	__u64 at = regs->regs[3];
#endif

	for (int i = 0; i < MAX_PARAMS; i++, at += sizeof(birth->param)) {
		if (bpf_copy_from_user(&birth->param, sizeof(birth->param), (void *)at) ||
		    !birth->param.key)
			break;
		param_take(birth);
	}
	if (is_expansion(birth)) {
		label_master(birth);
		if (!secret_random(birth, birth->seed[2], birth->seed_len[2]))
			return 0;
	} else if (!birth->is_traffic) {
		return 0;
	}
	if (secret_bytes(birth, birth->key, birth->key_len))
		secret_say(birth);
	return 0;
}

static __always_inline struct birth *birth_begin(struct task_struct *task)
{
	struct birth *birth = bpf_task_storage_get(&birth_places, task, NULL,
						   BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (birth)
		__builtin_memset(birth, 0, sizeof(*birth));
	else
		count(&lost_secrets, 1);
	return birth;
}

static __noinline int give_birth(struct task_struct *task, struct pt_regs *regs, __u64 cookie)
{
	struct birth *birth = birth_begin(task);

	if (!birth)
		return 0;
	switch (COOKIE_PROBED(cookie)) {
	case PROBED_GO_LOG:
		return go_log(birth, regs, cookie);
	case PROBED_GO_MASTER:
		return go_master(birth, regs, cookie);
	case PROBED_KDF:
		return kdf(birth, regs);
	}
	return 0;
}

/* Returns the number of the notice to be waited for; 0: none. */
static __always_inline __u64 probed(struct task_struct *task, struct pt_regs *regs)
{
	__u64 cookie = bpf_get_attach_cookie(regs);

	if (!is_traced(task))
		return 0;
	if (COOKIE_PROBED(cookie) == PROBED_LOADER)
		return on_load(task);
	return give_birth(task, regs, cookie);
}

SEC("?uprobe.s")
int on_probe(struct pt_regs *regs)
{
	probed(bpf_get_current_task_btf(), regs);
	return 0;
}

SEC("?uprobe.s")
int on_probe_held(struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return hold(task, probed(task, regs));
}

#endif
