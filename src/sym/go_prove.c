/* That the code at an address is the function that the tables say it is.
 *
 * The compiler begins nearly every function with a check of the stack:
 *
 *	compare the stack pointer with g's limit; below it, branch to the end
 *	...
 *	end: call runtime.morestack_noctxt, then jump to the beginning
 *
 * So a function is proved by: its bytes are that comparison and that branch; the
 * branch goes forward within the function; and there a call goes to where the
 * tables have runtime.morestack. A table that is off by anything at all fails one
 * of these. Besides, the table of stack sizes covers exactly the code, gaps
 * between functions being filled with one of a few bytes, and has the first
 * change of the stack pointer behind the branch.
 *
 * cmd/internal/obj/x86/obj6.go (stacksplit) and arm64/obj7.go make these. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "sym/go_state.h"

#define HEAD_LEN 64    /* the longest stack check, of 1.15 for large frames, has 62 */
#define TAIL_LEN 512   /* before the call, arguments in registers are put away: at most 24
			* instructions of 9 bytes */
#define GAP_LEN 64     /* the largest alignment of functions */

/* One step of a stack check on x86-64: bytes, of which some may be anything. */
struct step {
	uint8_t len;
	uint8_t bytes[9], mask[9];
};

#define ANY 0x00
#define ALL 0xff

enum step_name {
	LOAD_TLS, LOAD_TLS_OFFSET, LOAD_TLS_GOT, LOAD_TLS_REGISTER,
	CMP_G, CMP_G_R12, LEA_R12_8, LEA_R12_32, MOV_R12, SUB_R12,
	CMP_RCX, LEA_RAX_8, LEA_RAX_32, CMP_RAX_RCX, MOV_RSI_RCX, CMP_RSI, LEA_RAX_RSP,
	SUB_RAX_RSI, CMP_RAX_32, SKIP_JCC_8, SKIP_JCC_32, NO_STEP
};

static const struct step steps[] = {
	/* mov %fs:-8,%rcx; lower with C's thread variables */
	[LOAD_TLS] = { 9, { 0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff },
		       { ALL, ALL, ALL, ALL, ALL, ANY, ANY, ALL, ALL } },
	/* mov $-8,%rcx, and mov x(%rip),%rcx: where the linker does not know it */
	[LOAD_TLS_OFFSET] = { 7, { 0x48, 0xc7, 0xc1, 0xf8, 0xff, 0xff, 0xff },
			      { ALL, ALL, ALL, ANY, ANY, ALL, ALL } },
	[LOAD_TLS_GOT] = { 7, { 0x48, 0x8b, 0x0d }, { ALL, ALL, ALL, ANY, ANY, ANY, ANY } },
	/* mov %fs:(%rcx),%rcx */
	[LOAD_TLS_REGISTER] = { 4, { 0x64, 0x48, 0x8b, 0x09 }, { ALL, ALL, ALL, ALL } },
	/* cmp 0x10(%r14),%rsp, and with %r12; large frames: lea -x(%rsp),%r12 */
	[CMP_G] = { 4, { 0x49, 0x3b, 0x66, 0x10 }, { ALL, ALL, ALL, ALL } },
	[CMP_G_R12] = { 4, { 0x4d, 0x3b, 0x66, 0x10 }, { ALL, ALL, ALL, ALL } },
	[LEA_R12_8] = { 5, { 0x4c, 0x8d, 0x64, 0x24, 0x80 }, { ALL, ALL, ALL, ALL, 0x80 } },
	[LEA_R12_32] = { 8, { 0x4c, 0x8d, 0xa4, 0x24, 0, 0, 0, 0x80 },
			 { ALL, ALL, ALL, ALL, ANY, ANY, ANY, 0x80 } },
	/* huge ones: mov %rsp,%r12; sub $x,%r12; jb end */
	[MOV_R12] = { 3, { 0x49, 0x89, 0xe4 }, { ALL, ALL, ALL } },
	[SUB_R12] = { 7, { 0x49, 0x81, 0xec }, { ALL, ALL, ALL, ANY, ANY, ANY, ANY } },
	/* up to 1.16: cmp 0x10(%rcx),%rsp; lea -x(%rsp),%rax; cmp 0x10(%rcx),%rax */
	[CMP_RCX] = { 4, { 0x48, 0x3b, 0x61, 0x10 }, { ALL, ALL, ALL, ALL } },
	[LEA_RAX_8] = { 5, { 0x48, 0x8d, 0x44, 0x24, 0x80 }, { ALL, ALL, ALL, ALL, 0x80 } },
	[LEA_RAX_32] = { 8, { 0x48, 0x8d, 0x84, 0x24, 0, 0, 0, 0x80 },
			 { ALL, ALL, ALL, ALL, ANY, ANY, ANY, 0x80 } },
	[CMP_RAX_RCX] = { 4, { 0x48, 0x3b, 0x41, 0x10 }, { ALL, ALL, ALL, ALL } },
	/* mov 0x10(%rcx),%rsi; cmp $-1314,%rsi; je end; lea x(%rsp),%rax; sub %rsi,%rax;
	 * cmp $x,%rax */
	[MOV_RSI_RCX] = { 4, { 0x48, 0x8b, 0x71, 0x10 }, { ALL, ALL, ALL, ALL } },
	[CMP_RSI] = { 7, { 0x48, 0x81, 0xfe }, { ALL, ALL, ALL, ANY, ANY, ANY, ANY } },
	[LEA_RAX_RSP] = { 8, { 0x48, 0x8d, 0x84, 0x24 },
			  { ALL, ALL, ALL, ALL, ANY, ANY, ANY, ANY } },
	[SUB_RAX_RSI] = { 3, { 0x48, 0x29, 0xf0 }, { ALL, ALL, ALL } },
	[CMP_RAX_32] = { 6, { 0x48, 0x3d }, { ALL, ALL, ANY, ANY, ANY, ANY } },
	/* jb or je, to the end as well */
	[SKIP_JCC_8] = { 2, { 0x72, 0 }, { 0xf9, ANY } },
	[SKIP_JCC_32] = { 6, { 0x0f, 0x82 }, { ALL, 0xf9, ANY, ANY, ANY, ANY } },
};

/* The stack checks, each followed by jbe. */
static const struct check {
	enum go_abi abi;
	uint8_t steps[8];          /* enum step_name */
} checks[] = {
	{ GO_ABI_REGISTERS, { CMP_G, NO_STEP } },
	{ GO_ABI_REGISTERS, { LEA_R12_8, CMP_G_R12, NO_STEP } },
	{ GO_ABI_REGISTERS, { LEA_R12_32, CMP_G_R12, NO_STEP } },
	{ GO_ABI_REGISTERS, { MOV_R12, SUB_R12, SKIP_JCC_8, CMP_G_R12, NO_STEP } },
	{ GO_ABI_REGISTERS, { MOV_R12, SUB_R12, SKIP_JCC_32, CMP_G_R12, NO_STEP } },
	/* What goes before these, the load of g, is in `loads`. */
	{ GO_ABI_STACK, { CMP_RCX, NO_STEP } },
	{ GO_ABI_STACK, { LEA_RAX_8, CMP_RAX_RCX, NO_STEP } },
	{ GO_ABI_STACK, { LEA_RAX_32, CMP_RAX_RCX, NO_STEP } },
	{ GO_ABI_STACK, { MOV_RSI_RCX, CMP_RSI, SKIP_JCC_8, LEA_RAX_RSP, SUB_RAX_RSI, CMP_RAX_32,
			  NO_STEP } },
	{ GO_ABI_STACK, { MOV_RSI_RCX, CMP_RSI, SKIP_JCC_32, LEA_RAX_RSP, SUB_RAX_RSI, CMP_RAX_32,
			  NO_STEP } },
};

static const uint8_t loads[][3] = {
	{ LOAD_TLS, NO_STEP },
	{ LOAD_TLS_OFFSET, LOAD_TLS_REGISTER, NO_STEP },
	{ LOAD_TLS_GOT, LOAD_TLS_REGISTER, NO_STEP },
};

/* The bytes at a function's start, and what is found there. */
struct code {
	uint8_t bytes[HEAD_LEN + 16];
	size_t len;
	size_t check, body;        /* of the branch; behind it */
	int64_t slow;              /* where the branch goes, from the start */
	enum go_abi abi;
};

/* Behind the steps, or 0: they are not there. */
static size_t match_steps(const struct code *code, size_t at, const uint8_t *names)
{
	for (; *names != NO_STEP; names++) {
		const struct step *step = &steps[*names];

		if (step->len > code->len - at)
			return 0;
		for (size_t i = 0; i < step->len; i++)
			if ((code->bytes[at + i] & step->mask[i]) !=
			    (step->bytes[i] & step->mask[i]))
				return 0;
		at += step->len;
	}
	return at;
}

static bool match_branch(struct code *code, size_t at)
{
	const uint8_t *bytes = code->bytes + at;

	if (code->len - at < 6)
		return false;
	code->check = at;
	if (bytes[0] == 0x76) {
		code->body = at + 2;
		code->slow = (int64_t)code->body + (int8_t)bytes[1];
		return true;
	}
	if (bytes[0] != 0x0f || bytes[1] != 0x86)
		return false;
	code->body = at + 6;
	code->slow = (int64_t)code->body + (int32_t)get32(bytes + 2);
	return true;
}

static bool match_x86(struct code *code)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		bool registers = checks[i].abi == GO_ABI_REGISTERS;

		code->abi = checks[i].abi;
		for (size_t load = 0; load < (registers ? 1 : sizeof(loads) / sizeof(*loads)); load++) {
			size_t at = registers ? 0 : match_steps(code, 0, loads[load]);

			if (!registers && !at)
				continue;
			at = match_steps(code, at, checks[i].steps);
			if (at && match_branch(code, at))
				return true;
		}
	}
	return false;
}

/* arm64: g is x28; a few instructions that use only x16, x17, x27 (x1 to x3 before
 * 1.18) and the stack pointer; the first conditional branch for "lower or same" ends
 * them. */
static bool match_arm(struct code *code)
{
	uint32_t first = get32(code->bytes);

	if (first != 0xf9400b90 && first != 0xf9400b81)        /* ldr x16 or x1, [x28, #16] */
		return false;
	code->abi = first == 0xf9400b90 ? GO_ABI_REGISTERS : GO_ABI_STACK;
	for (size_t at = 4; at + 4 <= code->len; at += 4) {
		uint32_t word = get32(code->bytes + at);

		if ((word & 0xff00001f) == 0x54000009) {       /* b.ls */
			code->check = at;
			code->body = at + 4;
			code->slow = (int64_t)at + ((int32_t)(word << 8) >> 13) * 4;
			return true;
		}
		if ((word & 0xfc000000) == 0x14000000 || (word & 0xfc000000) == 0x94000000 ||
		    (word & 0xfffffc00) == 0xd65f0000)         /* b, bl, ret */
			return false;
	}
	return false;
}

static bool is_morestack(const struct go *go, uint64_t target)
{
	for (size_t i = 0; i < sizeof(go->morestack) / sizeof(*go->morestack); i++)
		if (go->morestack[i] && go->morestack[i] == target)
			return true;
	return false;
}

/* A call of runtime.morestack in what the branch leads to. */
static bool leads_to_morestack(struct go *go, uint64_t from, uint64_t end)
{
	bool arm = image_facts(go->image)->machine == MACHINE_ARM64;
	uint8_t bytes[TAIL_LEN];
	size_t len = end - from < TAIL_LEN ? end - from : TAIL_LEN;

	if (image_read(go->image, from, bytes, len) < 0)
		return false;
	for (size_t i = 0; i + (arm ? 4 : 5) <= len; i += arm ? 4 : 1) {
		uint32_t word = get32(bytes + i);
		int64_t far;

		if (arm ? (word & 0xfc000000) != 0x94000000 : bytes[i] != 0xe8)
			continue;
		far = arm ? ((int32_t)(word << 6) >> 6) * 4ll : (int32_t)get32(bytes + i + 1) + 5ll;
		if (is_morestack(go, from + i + (uint64_t)far))
			return true;
	}
	return false;
}

/* The table of stack sizes: pairs of a change of the value and the bytes of code for
 * which it holds, ended by a change of 0. */
struct sizes {
	uint64_t first;            /* bytes of the first pair, where the size is 0 */
	uint64_t whole;            /* bytes of all pairs */
};

static bool read_varint(struct window *window, uint64_t *at, uint64_t *value)
{
	*value = 0;
	for (int shift = 0; shift < 35; shift += 7) {
		const uint8_t *byte = window_at(window, (*at)++, 1);

		if (!byte)
			return false;
		*value |= (uint64_t)(*byte & 0x7f) << shift;
		if (!(*byte & 0x80))
			return true;
	}
	return false;
}

static bool read_sizes(struct go *go, const struct go_entry *entry, struct sizes *sizes)
{
	uint64_t at = entry->pcsp, change, code, room = entry->end - entry->start;
	uint32_t unit = image_facts(go->image)->machine == MACHINE_ARM64 ? 4 : 1;

	*sizes = (struct sizes){ .whole = 0 };
	for (bool first = true; sizes->whole <= room; first = false) {
		if (!read_varint(&go->stacks, &at, &change))
			return false;
		if (!change && !first)
			return true;
		if (!read_varint(&go->stacks, &at, &code) || !code)
			return false;
		if (first && change != 2)      /* from -1 to 0, with the sign in bit 0 */
			return false;
		sizes->whole += code * unit;
		if (first)
			sizes->first = sizes->whole;
	}
	return true;
}

/* Between functions: int3, or nothing. */
static bool is_gap(struct go *go, uint64_t from, uint64_t end)
{
	uint8_t bytes[GAP_LEN];
	size_t len = end - from < GAP_LEN ? end - from : GAP_LEN;

	if (len && image_read(go->image, from, bytes, len) < 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0xcc && bytes[i])
			return false;
	return true;
}

static int check_sizes(struct go *go, const struct go_entry *entry, uint64_t *end,
		       struct failure *failure)
{
	struct sizes sizes;

	if (!entry->pcsp || !read_sizes(go, entry, &sizes))
		return failure_set(failure, -EBADMSG, "the function at %#" PRIx64 " cannot be proved: "
				   "its table of stack sizes is damaged or missing", entry->start);
	if (sizes.whole > entry->end - entry->start)
		return failure_set(failure, -EBADMSG, "the function at %#" PRIx64 " has %" PRIu64
				   " bytes of code by one table, %" PRIu64 " by another",
				   entry->start, sizes.whole, entry->end - entry->start);
	*end = entry->start + sizes.whole;
	if (!is_gap(go, *end, entry->end))
		return failure_set(failure, -EBADMSG, "the function at %#" PRIx64 " is not where the "
				   "tables say: code follows its end at %#" PRIx64, entry->start, *end);
	return (int)(sizes.first > INT32_MAX ? INT32_MAX : sizes.first);
}

int go_prove_entry(struct go *go, const struct go_entry *entry, struct go_proof *proof,
		   struct failure *failure)
{
	bool arm = image_facts(go->image)->machine == MACHINE_ARM64;
	struct code code = { .len = 0 };
	uint64_t end = entry->end;
	int before = check_sizes(go, entry, &end, failure);

	if (before < 0)
		return before;
	code.len = end - entry->start < HEAD_LEN ? end - entry->start : HEAD_LEN;
	if (!image_executable(go->image, entry->start, code.len) ||
	    image_read(go->image, entry->start, code.bytes, code.len) < 0)
		return failure_set(failure, -EBADMSG, "the function at %#" PRIx64 " is not in code",
				   entry->start);
	if (!(arm ? match_arm(&code) : match_x86(&code)))
		return failure_set(failure, -ENOTSUP, "the function at %#" PRIx64 " cannot be proved: "
				   "it does not begin with a check of the stack", entry->start);
	if (code.slow < (int64_t)code.body || code.slow >= (int64_t)(end - entry->start) ||
	    (size_t)before < code.body ||
	    !leads_to_morestack(go, entry->start + (uint64_t)code.slow, end))
		return failure_set(failure, -EBADMSG, "the function at %#" PRIx64 " is not where the "
				   "tables say: its check of the stack does not end in "
				   "runtime.morestack", entry->start);
	*proof = (struct go_proof){
		.abi = code.abi, .check = entry->start + code.check, .body = entry->start + code.body,
	};
	return 0;
}

/* The index of the last address of the list that is not above `start`. */
static int find_index(struct go *go, uint64_t start, uint64_t *index, struct failure *failure)
{
	uint64_t low = 0, high = go->table.count;
	struct go_entry entry;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		int code = go_entry(go, middle, &entry, failure);

		if (code < 0)
			return code;
		if (entry.start <= start)
			low = middle;
		else
			high = middle;
	}
	*index = low;
	return 0;
}

int go_prove(struct go *go, const struct go_function *function, struct go_proof *proof,
	     struct failure *failure)
{
	struct go_entry entry = { .start = 0 };
	uint64_t index;
	int code = find_index(go, function->start, &index, failure);

	if (code == 0)
		code = go_entry(go, index, &entry, failure);
	if (code < 0)
		return code;
	if (entry.start != function->start || entry.end != function->end ||
	    entry.name_len != strlen(function->name) ||
	    memcmp(entry.name, function->name, entry.name_len) != 0)
		return failure_set(failure, -EBADMSG, "no function %s is at %#" PRIx64 " to %#"
				   PRIx64, function->name, function->start, function->end);
	code = go_prove_entry(go, &entry, proof, failure);
	return code < 0 ? code : go_evidence(go, &entry, failure);
}
