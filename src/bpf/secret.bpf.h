/* Keys of TLS, where programs make them: a few hits for each handshake.
 *
 * One program serves every probe; the cookie says what it stands on. It may
 * sleep, so that what the traced program has not touched yet (its own constants)
 * can be read. What the arguments point to is hostile: anything that is not of
 * the right form is passed over. */
#ifndef GLASSTAP_SECRET_H
#define GLASSTAP_SECRET_H

#include "notice.bpf.h"

#define MAX_PARAMS 16      /* OpenSSL 3 gives six or seven */
#define MASTER_LEN 48

static __always_inline void secret_say(struct task_struct *task, struct event_secret *secret)
{
	struct event_secret *event;

	head_of_task(&secret->head, task, EVENT_SECRET, sizeof(*secret));
	secret->source = SECRET_BIRTH;
	event = ring_event(sizeof(*event));
	if (!event) {
		count(&lost_secrets, 1);
		return;
	}
	*event = *secret;
	ring_event_done(event);
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

#define GO_WORDS 9

static __always_inline bool go_arguments(struct pt_regs *regs, __u64 cookie, __u64 words[GO_WORDS])
{
	/* Above the place at entry lies the return address, or room for it. */
	__u64 stack = regs->sp + COOKIE_DEPTH(cookie) + 8;

	if (cookie & COOKIE_ON_STACK)
		return !bpf_copy_from_user(words, GO_WORDS * sizeof(*words), (void *)stack);
#pragma unroll
	for (int i = 0; i < GO_WORDS; i++)
		words[i] = go_register(regs, i);
	return true;
}

static __always_inline bool secret_bytes(struct event_secret *secret, __u64 from, __u64 len)
{
	if (len == MASTER_LEN)
		secret->secret_len = MASTER_LEN;
	else if (len == 32)
		secret->secret_len = 32;
	else
		return false;
	return !(len == MASTER_LEN ? bpf_copy_from_user(secret->secret, MASTER_LEN, (void *)from) :
				     bpf_copy_from_user(secret->secret, 32, (void *)from));
}

static __always_inline bool secret_random(struct event_secret *secret, __u64 from, __u64 len)
{
	if (len != SECRET_RANDOM || bpf_copy_from_user(secret->random, SECRET_RANDOM, (void *)from))
		return false;
	secret->random_len = SECRET_RANDOM;
	return true;
}

static __always_inline void label_master(struct event_secret *secret)
{
	__builtin_memcpy(secret->label, "CLIENT_RANDOM", 14);
}

static __noinline int go_log(struct pt_regs *regs, __u64 cookie)
{
	struct event_secret secret = {};
	__u64 words[GO_WORDS], len;

	if (!go_arguments(regs, cookie, words))
		return 0;
	len = words[2];
	if (len < 4 || len >= SECRET_LABEL)
		return 0;
	asm volatile("%0 &= 63" : "+r"(len));
	if (len >= SECRET_LABEL || bpf_copy_from_user(secret.label, len, (void *)words[1]) ||
	    !secret_random(&secret, words[3], words[4]) ||
	    !secret_bytes(&secret, words[6], words[7]))
		return 0;
	secret_say(bpf_get_current_task_btf(), &secret);
	return 0;
}

static __noinline int go_master(struct pt_regs *regs, __u64 cookie)
{
	struct event_secret secret = {};
	__u64 words[GO_WORDS];

	if (!go_arguments(regs, cookie, words) || words[3] != MASTER_LEN ||
	    !secret_bytes(&secret, words[2], words[3]) ||
	    !secret_random(&secret, words[5], words[6]))
		return 0;
	label_master(&secret);
	secret_say(bpf_get_current_task_btf(), &secret);
	return 0;
}

/* OSSL_PARAM of core.h: a public interface, which cannot change. */
struct user_param {
	__u64 key;
	__u32 type, pad;
	__u64 data, size, return_size;
};

/* What of them matters here. */
struct derivation {
	__u64 key, key_len;
	__u64 seed[3], seed_len[3];
	__u32 seeds;
	bool is_traffic;           /* TLS 1.3, label "key": the secret is a traffic secret */
};

/* Up to seven bytes of a string, the rest zero. */
static __always_inline __u64 short_string(__u64 from)
{
	char text[8] = {}, touched;
	__u64 word = 0;

	/* These bring in what is not there yet; the string may end anywhere. */
	bpf_copy_from_user(&touched, 1, (void *)from);
	bpf_copy_from_user(&touched, 1, (void *)(from + 7));
	if (bpf_probe_read_user_str(text, sizeof(text), (void *)from) > 0)
		__builtin_memcpy(&word, text, sizeof(word));
	return word;
}

/* The same of a constant: little-endian, as both machines are. */
#define WORD4(a, b, c, d) ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24)
#define WORD6(a, b, c, d, e, f) (WORD4(a, b, c, d) | (__u64)(e) << 32 | (__u64)(f) << 40)

/* Not static: verified by itself, not once for every way through the loop. */
__noinline int param_take(struct derivation *derivation, const struct user_param *param)
{
	char label[3] = {};
	__u64 name;

	if (!derivation || !param)
		return 0;
	name = short_string(param->key);
	if (name == WORD4('k', 'e', 'y', 0) || name == WORD6('s', 'e', 'c', 'r', 'e', 't')) {
		derivation->key = param->data;
		derivation->key_len = param->size;
	} else if (name == WORD6('l', 'a', 'b', 'e', 'l', 0) && param->size == 3) {
		derivation->is_traffic = !bpf_copy_from_user(label, 3, (void *)param->data) &&
					 label[0] == 'k' && label[1] == 'e' && label[2] == 'y';
	} else if (name == WORD4('s', 'e', 'e', 'd') && param->size) {
		__u32 i = derivation->seeds;

		if (i < 3) {
			derivation->seed[i] = param->data;
			derivation->seed_len[i] = param->size;
			derivation->seeds = i + 1;
		}
	}
	return 0;
}

/* TLS 1.2: PRF(master, "key expansion" + server random + client random). */
static __always_inline bool is_expansion(const struct derivation *derivation)
{
	static const char wanted[13] = "key expansion";
	char got[13];

	if (derivation->seeds < 3 || derivation->seed_len[0] != sizeof(wanted) ||
	    derivation->seed_len[1] != SECRET_RANDOM || derivation->key_len != MASTER_LEN ||
	    bpf_copy_from_user(got, sizeof(got), (void *)derivation->seed[0]))
		return false;
	for (int i = 0; i < (int)sizeof(wanted); i++)
		if (got[i] != wanted[i])
			return false;
	return true;
}

static __noinline int kdf(struct pt_regs *regs)
{
	struct event_secret secret = {};
	struct derivation derivation = {};
	struct user_param param;
#if defined(__TARGET_ARCH_x86)
	__u64 at = regs->cx;
#else
	__u64 at = regs->regs[3];
#endif

	for (int i = 0; i < MAX_PARAMS; i++, at += sizeof(param)) {
		if (bpf_copy_from_user(&param, sizeof(param), (void *)at) || !param.key)
			break;
		param_take(&derivation, &param);
	}
	if (is_expansion(&derivation)) {
		label_master(&secret);
		if (!secret_random(&secret, derivation.seed[2], derivation.seed_len[2]))
			return 0;
	} else if (!derivation.is_traffic) {
		return 0;
	}
	if (secret_bytes(&secret, derivation.key, derivation.key_len))
		secret_say(bpf_get_current_task_btf(), &secret);
	return 0;
}

SEC("?uprobe.s")
int on_probe(struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 cookie = bpf_get_attach_cookie(regs);

	if (!is_traced(task))
		return 0;
	switch (COOKIE_PROBED(cookie)) {
	case PROBED_GO_LOG:
		return go_log(regs, cookie);
	case PROBED_GO_MASTER:
		return go_master(regs, cookie);
	case PROBED_KDF:
		return kdf(regs);
	case PROBED_LOADER:
		on_load(task);
	}
	return 0;
}

#endif
