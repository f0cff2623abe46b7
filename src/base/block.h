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

/* Which are `byte`. */
static inline uint64_t equal(const unsigned char *at, char byte)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)at);

	return (uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));
}

/* Which are no less than `least`, which is at least 0x80. */
static inline uint64_t at_least(const unsigned char *at, unsigned char least)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)at);
	__m128i most = _mm_max_epu8(bytes, _mm_set1_epi8((char)least));

	return (uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(most, bytes));
}

static inline bool ascii(const unsigned char *at)
{
	return _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)at)) == 0;
}

#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(ESCAPE_PORTABLE)
#include <arm_neon.h>
#define BLOCK 16
#define MASK_STEP 4

static inline uint64_t neon_mask(uint8x16_t each)
{
	uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(each), 4);

	return vget_lane_u64(vreinterpret_u64_u8(nibbles), 0) & 0x1111111111111111;
}

static inline uint64_t specials(const unsigned char *at, char quote)
{
	uint8x16_t bytes = vld1q_u8(at);
	uint8x16_t ends = vorrq_u8(vcltq_u8(bytes, vdupq_n_u8(0x20)),
				   vcgeq_u8(bytes, vdupq_n_u8(0x7f)));
	uint8x16_t quotes = vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('\\')),
				     vceqq_u8(bytes, vdupq_n_u8((uint8_t)quote)));

	return neon_mask(vorrq_u8(ends, quotes));
}

static inline bool ascii(const unsigned char *at)
{
	return vmaxvq_u8(vld1q_u8(at)) < 0x80;
}

static inline uint64_t equal(const unsigned char *at, char byte)
{
	return neon_mask(vceqq_u8(vld1q_u8(at), vdupq_n_u8((uint8_t)byte)));
}

static inline uint64_t at_least(const unsigned char *at, unsigned char least)
{
	return neon_mask(vcgeq_u8(vld1q_u8(at), vdupq_n_u8(least)));
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

static inline uint64_t equal(const unsigned char *at, char byte)
{
	uint64_t other = word_at(at) ^ EACH((unsigned char)byte);

	return ~(((other & EACH(0x7f)) + EACH(0x7f)) | other) & EACH(0x80);
}

static inline uint64_t at_least(const unsigned char *at, unsigned char least)
{
	uint64_t word = word_at(at);

	return ((word & EACH(0x7f)) + EACH(0x100 - least)) & word & EACH(0x80);
}
#endif

static inline size_t mask_first(uint64_t mask)
{
	return (size_t)__builtin_ctzll(mask) / MASK_STEP;
}

static inline size_t mask_count(uint64_t mask)
{
	mask -= mask >> 1 & 0x5555555555555555;
	mask = (mask & 0x3333333333333333) + (mask >> 2 & 0x3333333333333333);
	return (size_t)(((mask + (mask >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56);
}

/* What is left of it from the byte `first` on, which is below BLOCK. */
static inline uint64_t mask_behind(uint64_t mask, size_t first)
{
	return mask >> MASK_STEP * first << MASK_STEP * first;
}

/* More than two. */
static inline bool mask_dense(uint64_t mask)
{
	mask &= mask - 1;
	return (mask & (mask - 1)) != 0;
}

#endif
