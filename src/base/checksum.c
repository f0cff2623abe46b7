/* Four lanes of xor, multiply and shift, so that the multiplications overlap.
 * Each step is a bijection of its lane, and so is the last mix of one lane while
 * the others stay: damage within one word is always carried into the 64-bit
 * result, and is missed only when folding to 32 bits, once in 2^32. */
#include "base/checksum.h"

#include <string.h>

#define LANES 4
#define BLOCK (LANES * sizeof(uint64_t))

static inline uint64_t step(uint64_t lane, uint64_t word)
{
	lane = (lane ^ word) * 0x9fb21c651e98df25;
	return lane ^ lane >> 32;
}

static void steps(uint64_t lanes[LANES], const unsigned char *block)
{
	uint64_t words[LANES];

	memcpy(words, block, BLOCK);
	for (int i = 0; i < LANES; i++)
		lanes[i] = step(lanes[i], words[i]);
}

uint32_t checksum(uint64_t seed, const void *data, size_t len)
{
	uint64_t lanes[LANES] = {
		0x243f6a8885a308d3, 0x13198a2e03707344,        /* digits of pi */
		0xa4093822299f31d0, 0x082efa98ec4e6c89,
	};
	const unsigned char *bytes = data;
	unsigned char last[BLOCK] = { 0 };
	uint64_t sum = step(step(0x452821e638d01377, seed), len);

	for (; len >= BLOCK; bytes += BLOCK, len -= BLOCK)
		steps(lanes, bytes);
	if (len) {
		memcpy(last, bytes, len);
		steps(lanes, last);
	}
	for (int i = 0; i < LANES; i++)
		sum = step(sum, lanes[i]);
	return (uint32_t)(sum ^ sum >> 32);
}
