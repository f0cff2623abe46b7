/* That a function is the one of its name. Where it starts and ends is proved by
 * go_prove.c; this is against tables whose names belong to other functions. The
 * functions that a probe is wanted for use a text, or call a function, that their
 * neighbours do not: in every version from Go 1.15 to 1.27, and in the forks.
 *
 * The code is not decoded: every place in it is taken for an instruction that refers
 * to something. What is no instruction refers to nothing of use. */
#include <errno.h>
#include <string.h>

#include "sym/go_state.h"

#define CODE_ROOM (16u << 10) /* the functions asked for have less than 2 KiB */
#define TEXT_ROOM 16

static const struct rule {
	const char *name;          /* as for go_find */
	const char *text;          /* it refers to this text, or to a variable that does */
	bool calls;                /* it calls a function trafficKey */
	const char *what;          /* for the user */
} rules[] = {
	{ ".(*Config).writeKeyLog", "%s %x %x\n", false, "the format of a key log" },
	{ ".keysFromMasterSecret", "key expansion", false, "\"key expansion\"" },
	{ ".(*cipherSuiteTLS13).trafficKey", "key", false, "the label \"key\"" },
	{ ".(*halfConn).setTrafficSecret", NULL, true, "trafficKey" },
};

enum kind {
	REFERS_TO = 1,             /* has the address */
	LOADS,                     /* has what is at the address */
	CALLS
};

struct reference {
	enum kind kind;
	uint64_t target;
};

static bool reference_x86(const uint8_t *code, size_t len, uint64_t vaddr,
			  struct reference *reference)
{
	size_t size = 7;

	if (len >= 5 && code[0] == 0xe8) {
		reference->kind = CALLS;
		size = 5;
	} else if (len >= 7 && (code[0] & 0xfb) == 0x48 && (code[2] & 0xc7) == 0x05 &&
		   (code[1] == 0x8d || code[1] == 0x8b)) {     /* lea, mov x(%rip) */
		reference->kind = code[1] == 0x8d ? REFERS_TO : LOADS;
	} else {
		return false;
	}
	reference->target = vaddr + size + (uint64_t)(int64_t)(int32_t)get32(code + size - 4);
	return true;
}

static bool reference_arm(const uint8_t *code, size_t len, uint64_t vaddr,
			  struct reference *reference)
{
	uint32_t word = len >= 4 ? get32(code) : 0, next = len >= 8 ? get32(code + 4) : 0;

	if (vaddr % 4)
		return false;
	if ((word & 0xfc000000) == 0x94000000) {               /* bl */
		reference->kind = CALLS;
		reference->target = vaddr + (uint64_t)(((int64_t)(int32_t)(word << 6) >> 6) * 4);
		return true;
	}
	if ((word & 0x9f000000) != 0x90000000 || (word & 31) != (next >> 5 & 31))
		return false;
	reference->target = go_adrp(word, vaddr);
	if ((next & 0xffc00000) == 0x91000000) {               /* adrp, add */
		reference->kind = REFERS_TO;
		reference->target += next >> 10 & 0xfff;
	} else if ((next & 0xffc00000) == 0xf9400000) {        /* adrp, ldr */
		reference->kind = LOADS;
		reference->target += (next >> 10 & 0xfff) * 8;
	} else {
		return false;
	}
	return true;
}

static bool is_text(struct go *go, uint64_t vaddr, const char *text)
{
	size_t len = strlen(text);
	char is[TEXT_ROOM];

	return len <= sizeof(is) && image_read(go->image, vaddr, is, len) == 0 &&
	       memcmp(is, text, len) == 0;
}

/* A variable that is a string or bytes, or (arm64, older) the address of one. */
static bool is_variable(struct go *go, uint64_t vaddr, const char *text)
{
	uint64_t pointer;

	return image_pointers(go->image, vaddr, &pointer, 1) == 0 && is_text(go, pointer, text);
}

static bool is_evidence(struct go *go, const struct rule *rule, const struct reference *reference)
{
	switch (reference->kind) {
	case REFERS_TO:
		return rule->text && (is_text(go, reference->target, rule->text) ||
				      is_variable(go, reference->target, rule->text));
	case LOADS:
		return rule->text && is_variable(go, reference->target, rule->text);
	case CALLS:
		for (size_t i = 0; rule->calls && i < go->traffic_key_count; i++)
			if (go->traffic_keys[i] == reference->target)
				return true;
		break;
	}
	return false;
}

static bool has_evidence(struct go *go, const struct rule *rule, const struct go_entry *entry)
{
	bool arm = image_facts(go->image)->machine == MACHINE_ARM64;
	size_t len = entry->end - entry->start < CODE_ROOM ? entry->end - entry->start : CODE_ROOM;
	uint8_t code[CODE_ROOM];

	if (image_read(go->image, entry->start, code, len) < 0)
		return false;
	for (size_t i = 0; i < len; i += arm ? 4 : 1) {
		struct reference reference;

		if ((arm ? reference_arm : reference_x86)(code + i, len - i, entry->start + i,
							  &reference) &&
		    is_evidence(go, rule, &reference))
			return true;
	}
	return false;
}

int go_evidence(struct go *go, const struct go_entry *entry, struct failure *failure)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		const struct rule *rule = &rules[i];
		size_t package;

		if (go_match(entry, &rule->name, 1, &package) < 0 || has_evidence(go, rule, entry))
			continue;
		return failure_set(failure, -EBADMSG, "the function at %#llx is not %.*s, as its "
				   "tables say: it does not %s %s", (unsigned long long)entry->start,
				   (int)entry->name_len, entry->name, rule->calls ? "call" : "use",
				   rule->what);
	}
	return 0;
}
