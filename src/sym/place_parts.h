/* What place.c and the parts for each machine say to each other. */
#ifndef GLASSTAP_PLACE_PARTS_H
#define GLASSTAP_PLACE_PARTS_H

#include "sym/place.h"

/* The stack check of a Go function. */
struct place_check {
	size_t end;            /* the first instruction behind it */
	size_t more;           /* where its branch leads: to the call of runtime.morestack */
	size_t tail;           /* behind that and its jump to the entry; 0: not known */
	bool registers;
	int32_t spill;         /* from here on, above the stack pointer at the entry, there are
				* only slots for the registers that carry arguments;
				* INT32_MAX: not known */
};

/* Reads the check, as far as its branch. */
typedef bool place_check_fn(const struct place_code *code, struct place_check *check);

/* Is `more` the call of runtime.morestack, which begins the function again? Sets
 * `tail` and `spill`. */
typedef bool place_more_fn(const struct place_code *code, struct place_check *check);

/* From byte `at` on, the first instruction that is emulated, if all in between leave
 * the arguments alone; else that at `at`, if uprobes can stand there. */
typedef bool place_walk_fn(enum place_kind kind, const struct place_code *code,
			   const struct place_check *check, size_t limit, struct place *place);

place_check_fn place_x86_check, place_arm64_check;
place_more_fn place_x86_more, place_arm64_more;
place_walk_fn place_x86_walk, place_arm64_walk;

#endif
