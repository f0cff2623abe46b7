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
	place_check_fn *check;
	place_more_fn *more;
	place_walk_fn *walk;
} parts[] = {
	[MACHINE_X86_64] = { place_x86_check, place_x86_more, place_x86_walk },
	[MACHINE_ARM64] = { place_arm64_check, place_arm64_more, place_arm64_walk },
};

/* Which bytes start an instruction. */
static bool is_start(const uint8_t *starts, size_t at)
{
	return starts[at / 8] >> at % 8 & 1;
}

/* C libraries jump over the lock prefix of an instruction where there is but one
 * thread. */
static bool is_behind_lock(const struct place_code *code, const uint8_t *starts, size_t at)
{
	return code->machine == MACHINE_X86_64 && code->bytes[at - 1] == 0xf0 &&
	       is_start(starts, at - 1);
}

static bool only_zeros(const struct place_code *code, size_t at)
{
	while (at < code->size && code->bytes[at] == 0)
		at++;
	return at == code->size;
}

/* The length of an instruction, or 0. On arm64 constants lie between them: sets
 * `insn` to nothing, of 4 bytes. */
static int read_next(const struct place_code *code, size_t at, struct insn *insn)
{
	int length = insn_read(code->machine, code->bytes + at, code->size - at, insn);

	if (!length && code->machine == MACHINE_ARM64 && code->size - at >= 4)
		*insn = (struct insn){ .length = 4 };
	return length;
}

/* Zeros at the end, of any number, are padding. */
static int find_starts(const struct place_code *code, uint8_t *starts, size_t *end,
		       struct failure *failure)
{
	struct insn insn;
	size_t at;

	for (at = 0; at < code->size; at += (size_t)insn.length) {
		if (read_next(code, at, &insn))
			starts[at / 8] |= (uint8_t)(1 << at % 8);
		else if (only_zeros(code, at))
			break;
		else if (!insn.length)
			return failure_set(failure, -ENOEXEC,
					   "byte %zu of its %zu is not the start of an instruction",
					   at, code->size);
	}
	*end = at;
	return 0;
}

/* What is proved of a function as a whole. */
struct proof {
	size_t end;            /* of its code, without padding */
	size_t jumped;         /* the first instruction behind the entry that a jump in the
				* function leads to: a probe there or behind it may be hit
				* more than once in a call */
	bool tail;             /* a jump leads to the check's tail */
};

/* A branch out of a function: Go's compiler writes none, C's to its parts that are
 * seldom run. */
static bool leaves(const struct place_code *code, const struct insn *insn, int64_t target)
{
	return insn->flow == INSN_BRANCH && (target < 0 || target >= (int64_t)code->size);
}

static int follow_jumps(const struct place_code *code, const uint8_t *starts, size_t tail,
			struct proof *proof, struct failure *failure)
{
	struct insn insn;

	proof->jumped = proof->end;
	for (size_t at = 0; at < proof->end; at += (size_t)insn.length) {
		int64_t target;

		read_next(code, at, &insn);
		target = (int64_t)at + insn.distance;
		if (tail && leaves(code, &insn, target))
			return failure_set(failure, -ENOEXEC, "the branch at byte %zu leaves it",
					   at);
		if (!insn.relative || target <= 0 || target >= (int64_t)proof->end)
			continue;
		if (!is_start(starts, (size_t)target) &&
		    !is_behind_lock(code, starts, (size_t)target))
			return failure_set(failure, -ENOEXEC, "the jump at byte %zu leads to byte "
					   "%lld, which is not the start of an instruction", at,
					   (long long)target);
		if ((size_t)target < proof->jumped)
			proof->jumped = (size_t)target;
		proof->tail |= (size_t)target == tail;
	}
	return 0;
}

/* Behind the call of runtime.morestack there is at most the second half of a wrapper's
 * first lines, to which a jump leads and which ends with one; and padding: traps on
 * x86-64. On arm64 constants may lie there. */
static bool ends_at_tail(const struct place_code *code, const struct place_check *check,
			 const struct proof *proof)
{
	size_t at = check->tail;
	struct insn insn = { .flow = INSN_NEXT };

	if (!at || code->machine == MACHINE_ARM64)
		return true;
	while (proof->tail && insn.flow != INSN_JUMP) {
		if (!insn_read(code->machine, code->bytes + at, proof->end - at, &insn))
			return false;
		at += (size_t)insn.length;
	}
	while (at < proof->end && code->bytes[at] == 0xcc)
		at++;
	return at == proof->end;
}

static int prove(const struct place_code *code, const struct place_check *check,
		 struct proof *proof, struct failure *failure)
{
	uint8_t *starts;
	int error;

	if (code->size > MAX_PLACE_FUNCTION)
		return failure_set(failure, -ENOEXEC, "its %zu bytes are more than the %u that "
				   "are looked at", code->size, MAX_PLACE_FUNCTION);
	starts = calloc(1, code->size / 8 + 1);
	if (!starts)
		return failure_set(failure, -ENOMEM, "no memory to look at its %zu bytes",
				   code->size);
	error = find_starts(code, starts, &proof->end, failure);
	if (!error)
		error = follow_jumps(code, starts, check->tail, proof, failure);
	free(starts);
	if (!error && !ends_at_tail(code, check, proof))
		return failure_set(failure, -ENOEXEC, "it goes on at byte %zu, behind the call of "
				   "runtime.morestack", check->tail);
	return error;
}

/* The check of a Go function and where its branch leads, which must be behind it
 * and inside the function. */
static int find_check(const struct place_code *code, struct place_check *check,
		      struct failure *failure)
{
	const struct part *part = &parts[code->machine];

	if (!part->check(code, check))
		return failure_set(failure, -ENOEXEC,
				   "its first instructions are not Go's stack check");
	if (check->more < check->end || (code->size && check->more >= code->size))
		return failure_set(failure, -ENOEXEC, "the branch of its stack check leaves it");
	if (code->size && code->len >= code->size && !part->more(code, check))
		return failure_set(failure, -ENOEXEC, "the branch of its stack check leads to "
				   "byte %zu, which does not call runtime.morestack",
				   check->more);
	return 0;
}

int place_find(enum place_kind kind, const struct place_code *code, struct place *place,
	       struct failure *failure)
{
	struct place_check check = { .spill = INT32_MAX };
	struct proof proof = { .end = 0 };
	bool whole = code->size && code->len >= code->size;
	size_t limit;
	int error = 0;

	*place = (struct place){ 0 };
	if (code->machine != MACHINE_X86_64 && code->machine != MACHINE_ARM64)
		return failure_set(failure, -ENOEXEC, "it is for another kind of processor");
	if (kind == PLACE_GO)
		error = find_check(code, &check, failure);
	if (!error && whole)
		error = prove(code, &check, &proof, failure);
	if (error)
		return error;
	limit = whole ? proof.jumped : check.end + 1;
	if (check.end >= limit)
		return failure_set(failure, -ENOEXEC, "a jump in it leads to byte %zu: a probe "
				   "behind that would be hit more than once in a call", limit);
	if (!parts[code->machine].walk(kind, code, &check, limit, place))
		return failure_set(failure, -ENOEXEC, "a probe cannot stand on the instruction at "
				   "byte %zu", check.end);
	place->registers = check.registers;
	return 0;
}
