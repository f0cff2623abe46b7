/* What a fuzz target gives: libFuzzer's entry, and something to begin with where
 * there is no corpus. */
#ifndef GLASSTAP_FUZZ_H
#define GLASSTAP_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A good input, the `number`-th of as many as one likes. Its length, at most
 * `room`. A target may leave it out. */
__attribute__((weak)) size_t fuzz_seed(uint64_t number, uint8_t *data, size_t room);

static inline uint64_t fuzz_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* A promise that was broken. */
#define FUZZ_ASSERT(condition)                                                 \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

#endif
