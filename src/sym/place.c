/* How a place is proved.
 *
 * The whole function is read from its first byte to its last: every byte must
 * belong to an instruction, and each jump that stays inside must lead to the start
 * of one. Code that is read from a wrong start soon fails at one of the two. A Go
 * function must also begin with the stack check that its compiler writes, and the
 * check's branch must lead to a call that is followed by a jump back to the entry:
 * runtime.morestack. So a wrong table of functions, another file or a damaged one
 * are refused, and not probed in the middle of something else.
 *
 * A Go function's entry runs again when its stack has grown, the instruction behind
 * the check only once. Uprobes are cheap on instructions that the kernel emulates,
 * and cost about ten times that on one that it must single-step; so the walk goes on
 * to the first of the former, over instructions that are known to leave everything
 * alone that carries arguments. It stops before any instruction that a jump leads
 * to. Where not the whole function is at hand the walk does not begin. */
#include "sym/place.h"

#include <errno.h>
#include <stdlib.h>

#include "limits.h"
#include "sym/insn.h"
#include "sym/place_parts.h"

static const struct part {
	const char *machine;
	place_check_fn *check;
	place_more_fn *more;
	place_walk_fn *walk;
} parts[] = {
	[MACHINE_X86_64] = { "x86-64", place_x86_check, place_x86_more, place_x86_walk },
	[MACHINE_ARM64] = { "arm64", place_arm64_check, place_arm64_more, place_arm64_walk },
};

/* Which bytes start an instruction. */
static bool is_start(const uint8_t *starts, size_t at)
{
	return starts[at / 8] >> at % 8 & 1;
}

static bool only_zeros(const struct place_code *code, size_t at)
{
	while (at < code->size && code->bytes[at] == 0)
		at++;
	return at == code->size;
}

/* Zeros at the end, of any number, are padding. */
static int find_starts(const struct place_code *code, uint8_t *starts, size_t *end,
		       struct failure *failure)
{
	size_t at = 0;

	while (at < code->size) {
		int length = insn_length(code->machine, code->bytes + at, code->size - at);

		if (!length && only_zeros(code, at))
			break;
		if (!length)
			return failure_set(failure, -ENOEXEC,
					   "byte %zu of its %zu is not the start of an instruction",
					   at, code->size);
		starts[at / 8] |= (uint8_t)(1 << at % 8);
		at += (size_t)length;
	}
	*end = at;
	return 0;
}

static int follow_jumps(const struct place_code *code, const uint8_t *starts, size_t end,
			size_t *jumped, struct failure *failure)
{
	struct insn insn;

	*jumped = end;
	for (size_t at = 0; at < end; at += (size_t)insn.length) {
		int64_t target;

		insn_read(code->machine, code->bytes + at, code->size - at, &insn);
		target = (int64_t)at + insn.distance;
		if (!insn.relative || target <= 0 || target >= (int64_t)end)
			continue;
		if (!is_start(starts, (size_t)target))
			return failure_set(failure, -ENOEXEC, "the jump at byte %zu leads to byte "
					   "%lld, which is not the start of an instruction", at,
					   (long long)target);
		if ((size_t)target < *jumped)
			*jumped = (size_t)target;
	}
	return 0;
}

static int prove(const struct place_code *code, struct place_proof *proof,
		 struct failure *failure)
{
	uint8_t *starts;
	int error;

	*proof = (struct place_proof){ .end = code->len };
	if (!code->size || code->len < code->size)
		return 0;
	if (code->size > MAX_PLACE_FUNCTION)
		return failure_set(failure, -ENOEXEC, "its %zu bytes are more than the %u that "
				   "are looked at", code->size, MAX_PLACE_FUNCTION);
	starts = calloc(1, code->size / 8 + 1);
	if (!starts)
		return failure_set(failure, -ENOMEM, "no memory to look at its %zu bytes",
				   code->size);
	proof->whole = true;
	error = find_starts(code, starts, &proof->end, failure);
	if (!error)
		error = follow_jumps(code, starts, proof->end, &proof->jumped, failure);
	free(starts);
	return error;
}

/* The check of a Go function and where its branch leads, which must be behind it
 * and inside the function. */
static int prove_check(const struct place_code *code, const struct place_proof *proof,
		       struct place_check *check, struct failure *failure)
{
	const struct part *part = &parts[code->machine];

	if (!part->check(code, check))
		return failure_set(failure, -ENOEXEC,
				   "its first instructions are not Go's stack check");
	if (check->more < check->end || (code->size && check->more >= code->size))
		return failure_set(failure, -ENOEXEC, "the branch of its stack check leaves it");
	check->spill = INT32_MAX;
	if (check->more < code->len && !part->more(code, check) && proof->whole)
		return failure_set(failure, -ENOEXEC, "the branch of its stack check leads to "
				   "byte %zu, which does not call runtime.morestack",
				   check->more);
	return 0;
}

int place_find(enum place_kind kind, const struct place_code *code, struct place *place,
	       struct failure *failure)
{
	struct place_check check = { .spill = INT32_MAX };
	struct place_proof proof;
	size_t limit;
	int error;

	*place = (struct place){ 0 };
	if (code->machine != MACHINE_X86_64 && code->machine != MACHINE_ARM64)
		return failure_set(failure, -ENOEXEC, "it is for another kind of processor");
	error = prove(code, &proof, failure);
	if (!error && kind == PLACE_GO)
		error = prove_check(code, &proof, &check, failure);
	if (error)
		return error;
	limit = proof.whole ? proof.jumped : check.end + 1;
	if (check.end >= limit)
		return failure_set(failure, -ENOEXEC, "a jump in it leads to byte %zu: a probe "
				   "before that would not be behind its stack check", limit);
	if (!parts[code->machine].walk(kind, code, &check, limit, place))
		return failure_set(failure, -ENOEXEC, "a probe cannot stand on the instruction at "
				   "byte %zu", check.end);
	place->registers = check.registers;
	return 0;
}
