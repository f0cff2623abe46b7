/* A block of bytes looked at at once: 16 with SSE2 or NEON, 8 in a plain word. */
#ifndef GLASSTAP_BLOCK_H
#define GLASSTAP_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Masks have one bit for each special byte, MASK_STEP bits from each other. */
#if defined(__SSE2__) && !defined(ESCAPE_PORTABLE)
#include <emmintrin.h>
#define BLOCK 16
#define MASK_STEP 1

/* Which bytes are control characters, 0x7f and above, a backslash or `quote`. */
static inline uint64_t specials(const unsigned char *at, char quote)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)at);
	__m128i plain = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x1f));   /* signed: 0x20 to 0x7f */
	__m128i not = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)),
				   _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')),
						_mm_cmpeq_epi8(bytes, _mm_set1_epi8(quote))));

	return (uint16_t)~_mm_movemask_epi8(_mm_andnot_si128(not, plain));
}

static inline bool ascii(const unsigned char *at)
{
	return _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)at)) == 0;
}

#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(ESCAPE_PORTABLE)
#include <arm_neon.h>
#define BLOCK 16
#define MASK_STEP 4

static inline uint64_t specials(const unsigned char *at, char quote)
{
	uint8x16_t bytes = vld1q_u8(at);
	uint8x16_t ends = vorrq_u8(vcltq_u8(bytes, vdupq_n_u8(0x20)),
				   vcgeq_u8(bytes, vdupq_n_u8(0x7f)));
	uint8x16_t quotes = vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('\\')),
				     vceqq_u8(bytes, vdupq_n_u8((uint8_t)quote)));
	uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(vorrq_u8(ends, quotes)), 4);

	return vget_lane_u64(vreinterpret_u64_u8(nibbles), 0) & 0x1111111111111111;
}

static inline bool ascii(const unsigned char *at)
{
	return vmaxvq_u8(vld1q_u8(at)) < 0x80;
}

#else
#define BLOCK 8
#define MASK_STEP 8
#define EACH(byte) (0x0101010101010101 * (uint64_t)(byte))

static inline uint64_t word_at(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* No sum carries into the next byte, as every term is below 0x80. */
static inline uint64_t specials(const unsigned char *at, char quote)
{
	uint64_t word = word_at(at), low = word & EACH(0x7f);
	uint64_t plain = (low + EACH(0x60)) & ((low ^ EACH(0x7f)) + EACH(0x7f)) &
			 ((low ^ EACH('\\')) + EACH(0x7f)) & ((low ^ EACH(quote)) + EACH(0x7f));

	return (~plain | word) & EACH(0x80);
}

static inline bool ascii(const unsigned char *at)
{
	return (word_at(at) & EACH(0x80)) == 0;
}
#endif

static inline size_t mask_first(uint64_t mask)
{
	return (size_t)__builtin_ctzll(mask) / MASK_STEP;
}

/* More than two. */
static inline bool mask_dense(uint64_t mask)
{
	mask &= mask - 1;
	return (mask & (mask - 1)) != 0;
}

#endif
