/* Theory of operation
 *
 * Most of what is escaped needs no escape. So a block of bytes is looked at at
 * once (16 with SSE2 or NEON, 8 in a plain word) and stored as it is; if a mask
 * says that it holds `special` bytes, the bytes behind the first of those are
 * written again. A special byte costs no branch either: a table has what to
 * store for each, always stored as 8 bytes, of which the next store overwrites
 * the surplus. Where special bytes are dense, a whole block goes that way.
 *
 * Invariants
 * - `to` has room for the longest form of every byte of the chunk, plus SLACK
 *   for a store that is longer than what it means. A chunk may be overrun by
 *   the 3 bytes of a character that begins in it.
 * - A byte of 0x80 and above is copied only as part of a valid character that
 *   `hidden` has let through. */
#include "base/escape.h"

#include <stdint.h>

#define CHUNK 4096             /* escaped between two looks at the room */
#define SLACK 16               /* BLOCK, or the size of a table's entry */
#define OVERRUN 3

/* Masks have one bit for each special byte, MASK_STEP bits from each other. */
#if defined(__SSE2__) && !defined(ESCAPE_PORTABLE)
#include <emmintrin.h>
#define BLOCK 16
#define MASK_STEP 1

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

_Static_assert(BLOCK <= SLACK, "a block is stored whole");

static inline size_t mask_first(uint64_t mask)
{
	return (size_t)__builtin_ctzll(mask) / MASK_STEP;
}

/* More than two: then the table is quicker than to go from one to the next. */
static inline bool mask_dense(uint64_t mask)
{
	mask &= mask - 1;
	return (mask & (mask - 1)) != 0;
}

/* NULL + 0 is not defined in C. */
static inline const unsigned char *at_end(struct text text)
{
	return (const unsigned char *)(text.len ? text.data + text.len : text.data);
}

/* What stands for a byte. len 0: it may begin a character that must be seen whole. */
struct shown {
	char text[7];
	uint8_t len;
};

_Static_assert(sizeof(struct shown) == 8, "one store");

#define PLAIN(c) { { (char)(c) }, 1 }
#define PLAIN4(c) PLAIN(c), PLAIN((c) + 1), PLAIN((c) + 2), PLAIN((c) + 3)
#define PLAIN16(c) PLAIN4(c), PLAIN4((c) + 4), PLAIN4((c) + 8), PLAIN4((c) + 12)
#define LONG(string) { string, sizeof(string) - 1 }
#define LONG4(a, b, c, d, e) LONG(a b), LONG(a c), LONG(a d), LONG(a e)
#define LONG8(a) LONG4(a, "0", "1", "2", "3"), LONG4(a, "4", "5", "6", "7")
#define LONG16(a) LONG8(a), LONG4(a, "8", "9", "a", "b"), LONG4(a, "c", "d", "e", "f")
#define WHOLE { "", 0 }
#define WHOLE4 WHOLE, WHOLE, WHOLE, WHOLE

static const struct shown text_table[256] = {
	LONG8("\\x0"), LONG("\\x08"), LONG("\\t"), LONG("\\n"), LONG("\\x0b"),
	LONG("\\x0c"), LONG("\\r"), LONG("\\x0e"), LONG("\\x0f"), LONG16("\\x1"),
	PLAIN16(' '), PLAIN16('0'), PLAIN16('@'),
	PLAIN4('P'), PLAIN4('T'), PLAIN4('X'), LONG("\\\\"), PLAIN(']'), PLAIN('^'), PLAIN('_'),
	PLAIN16('`'), PLAIN4('p'), PLAIN4('t'), PLAIN4('x'),
	PLAIN('|'), PLAIN('}'), PLAIN('~'), LONG("\\x7f"),
	LONG16("\\x8"), LONG16("\\x9"), LONG16("\\xa"), LONG16("\\xb"),
	LONG16("\\xc"), LONG16("\\xd"), LONG16("\\xe"), LONG16("\\xf"),
};

/* Lead bytes under which `hidden` has nothing are plain. */
static const struct shown json_table[256] = {
	LONG8("\\u000"), LONG("\\b"), LONG("\\t"), LONG("\\n"), LONG("\\u000b"),
	LONG("\\f"), LONG("\\r"), LONG("\\u000e"), LONG("\\u000f"), LONG16("\\u001"),
	PLAIN(' '), PLAIN('!'), LONG("\\\""), PLAIN('#'), PLAIN4('$'), PLAIN4('('), PLAIN4(','),
	PLAIN16('0'), PLAIN16('@'),
	PLAIN4('P'), PLAIN4('T'), PLAIN4('X'), LONG("\\\\"), PLAIN(']'), PLAIN('^'), PLAIN('_'),
	PLAIN16('`'), PLAIN4('p'), PLAIN4('t'), PLAIN4('x'),
	PLAIN('|'), PLAIN('}'), PLAIN('~'), LONG("\\u007f"),
	PLAIN16(0x80), PLAIN16(0x90), PLAIN16(0xa0), PLAIN16(0xb0),
	PLAIN(0xc0), PLAIN(0xc1), WHOLE, PLAIN(0xc3), PLAIN4(0xc4), PLAIN4(0xc8), PLAIN4(0xcc),
	PLAIN4(0xd0), PLAIN4(0xd4), WHOLE, PLAIN(0xd9), PLAIN(0xda), PLAIN(0xdb), PLAIN4(0xdc),
	PLAIN(0xe0), WHOLE, WHOLE, PLAIN(0xe3), PLAIN4(0xe4), PLAIN4(0xe8),
	PLAIN(0xec), PLAIN(0xed), PLAIN(0xee), WHOLE,
	WHOLE4, WHOLE4, WHOLE4, WHOLE4,
};

static inline char *show(char *to, const struct shown *shown)
{
	memcpy(to, shown, sizeof(*shown));
	return to + shown->len;
}

/* A character of 2 to 4 bytes. */
static inline char *copy(char *to, const unsigned char *at, size_t len)
{
	memcpy(to, at, 2);
	memcpy(to + len - 2, at + len - 2, 2);
	return to + len;
}

static inline bool continues(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Length of the character of two bytes or more at `at`, which has at least one; 0: none. */
static size_t utf8_decode(const unsigned char *at, size_t left, uint32_t *code)
{
	unsigned char lead = at[0];

	if (lead < 0xc2 || left < 2 || !continues(at[1]))
		return 0;
	*code = (lead & 0x1fu) << 6 | (at[1] & 0x3fu);
	if (lead < 0xe0)
		return 2;
	if (left < 3 || !continues(at[2]))
		return 0;
	*code = (*code & 0x3ff) << 6 | (at[2] & 0x3fu);
	if (lead < 0xf0)
		return *code < 0x800 || (*code >= 0xd800 && *code < 0xe000) ? 0 : 3;
	if (lead > 0xf4 || left < 4 || !continues(at[3]))
		return 0;
	*code = (*code & 0x7fff) << 6 | (at[3] & 0x3fu);
	return *code < 0x10000 || *code > 0x10ffff ? 0 : 4;
}

/* Of 0x80 and above, what controls a terminal, reorders text, cannot be seen or
 * is no character (Unicode 15: C1, general category Cf but for scripts' own
 * signs, Zl, Zp, noncharacters, tags). A new range needs its lead byte marked
 * in json_table. */
static bool hidden(uint32_t code)
{
	static const struct { uint32_t first, last; } ranges[] = {
		{ 0x80, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c }, { 0x180e, 0x180e },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfdd0, 0xfdef },
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
	};

	if ((code & 0xfffe) == 0xfffe)
		return true;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]) && code >= ranges[i].first; i++)
		if (code <= ranges[i].last)
			return true;
	return false;
}

/* Length of the character that may be shown as it is, 0 if none is there. */
static size_t visible(const unsigned char *at, size_t left)
{
	uint32_t code;
	size_t len = utf8_decode(at, left, &code);

	return len && !hidden(code) ? len : 0;
}

/* Begins a character as far as two bytes tell: at[0] >= 0xc2 and at[1] goes on.
 * As sums, so that no compiler makes two branches of it: in random bytes each
 * half is a toss, but both together are rare. */
static inline bool begins(const unsigned char *at)
{
	return ((at[0] + 0x3eu) >> 8) & (((at[1] ^ 0x80u) - 0x40u) >> 31);
}

/* One character, or one byte of what is none. There is a byte behind it. */
static inline const unsigned char *text_one(char **to, const unsigned char *at,
					    const unsigned char *end)
{
	size_t len = begins(at) ? visible(at, (size_t)(end - at)) : 0;

	if (len) {
		*to = copy(*to, at, len);
		return at + len;
	}
	*to = show(*to, &text_table[*at]);
	return at + 1;
}

static char *text_block(char *to, const unsigned char *at)
{
	for (int i = 0; i < BLOCK; i++)
		to = show(to, &text_table[at[i]]);
	return to;
}

/* From `at` up to `stop`, before `end`; may overrun it by OVERRUN. */
static const unsigned char *text_chunk(char **to, const unsigned char *at,
				       const unsigned char *stop, const unsigned char *end)
{
	while (at < stop) {
		const unsigned char *until = stop;

		if (stop - at >= BLOCK) {
			uint64_t mask = specials(at, '\\');
			size_t plain = mask ? mask_first(mask) : BLOCK;

			if (mask_dense(mask) && ascii(at)) {
				*to = text_block(*to, at);
				at += BLOCK;
				continue;
			}
			memcpy(*to, at, BLOCK);
			*to += plain;
			until = mask_dense(mask) ? at + BLOCK : at + plain + (mask != 0);
			at += plain;
		}
		while (at < until)
			at = text_one(to, at, end);
	}
	return at;
}

void escape_text(struct buf *out, struct text text)
{
	const unsigned char *at = (const unsigned char *)text.data, *end = at_end(text);

	while (at < end) {
		size_t len = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		const unsigned char *stop = at + len < end ? at + len : end - 1;
		char *to = buf_reserve(out, 4 * (len + OVERRUN) + SLACK);

		if (!to)
			return;
		at = text_chunk(&to, at, stop, end);
		if (at == end - 1)             /* the last byte begins no character */
			to = show(to, &text_table[*at++]);
		out->len = (size_t)(to - out->data);
	}
}

size_t escape_text_columns(struct buf *out, struct text text, size_t columns)
{
	const unsigned char *from = (const unsigned char *)text.data, *at = from;
	const unsigned char *end = at_end(text);
	char *to = buf_reserve(out, 4 * (columns + OVERRUN) + SLACK);

	if (!to)
		return text.len;
	while (at < end) {
		bool character = at < end - 1 && begins(at) && visible(at, (size_t)(end - at));
		size_t width = character ? 1 : text_table[*at].len;

		if (width > columns && at > from)
			break;
		columns -= width < columns ? width : columns;
		if (character) {
			at = text_one(&to, at, end);
		} else {
			to = show(to, &text_table[*at++]);
		}
	}
	out->len = (size_t)(to - out->data);
	return (size_t)(at - from);
}

size_t escape_count(struct text text)
{
	const unsigned char *at = (const unsigned char *)text.data, *end = at_end(text);
	size_t count = 0;

	while (at < end) {
		const unsigned char *until = end;

		if (end - at >= BLOCK) {
			uint64_t mask = specials(at, '\\');

			until = at + BLOCK;
			at = mask ? at + mask_first(mask) : until;
		}
		while (at < until) {
			size_t len = *at >= 0xc2 ? visible(at, (size_t)(end - at)) : 0;

			count += !len && text_table[*at].len == 4;
			at += len ? len : 1;
		}
	}
	return count;
}

static char *json_unit(char *to, uint32_t unit)
{
	static const char hex[] = "0123456789abcdef";

	*to++ = '\\';
	*to++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*to++ = hex[unit >> shift & 15];
	return to;
}

static const unsigned char *json_character(char **to, const unsigned char *at,
					   const unsigned char *end)
{
	uint32_t code = 0xfffd;
	size_t len = utf8_decode(at, (size_t)(end - at), &code);

	if (len && !hidden(code)) {
		*to = copy(*to, at, len);
	} else if (code >= 0x10000) {
		*to = json_unit(*to, 0xd800 + ((code - 0x10000) >> 10));
		*to = json_unit(*to, 0xdc00 + (code & 0x3ff));
	} else {
		*to = json_unit(*to, len ? code : 0xfffd);
	}
	return at + (len ? len : 1);
}

static inline const unsigned char *json_one(char **to, const unsigned char *at,
					    const unsigned char *end)
{
	const struct shown *shown = &json_table[*at];

	if (!shown->len)
		return json_character(to, at, end);
	*to = show(*to, shown);
	return at + 1;
}

static const unsigned char *json_chunk(char **to, const unsigned char *at,
				       const unsigned char *stop, const unsigned char *end)
{
	while (at < stop) {
		const unsigned char *until = stop;

		if (stop - at >= BLOCK) {
			uint64_t mask = specials(at, '"');
			size_t plain = mask ? mask_first(mask) : BLOCK;

			memcpy(*to, at, BLOCK);
			*to += plain;
			until = mask_dense(mask) ? at + BLOCK : at + plain + (mask != 0);
			at += plain;
		}
		while (at < until)
			at = json_one(to, at, end);
	}
	return at;
}

void escape_json(struct buf *out, struct text text)
{
	const unsigned char *at = (const unsigned char *)text.data, *end = at_end(text);

	while (at < end) {
		size_t len = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		char *to = buf_reserve(out, 6 * (len + OVERRUN) + SLACK);

		if (!to)
			return;
		at = json_chunk(&to, at, at + len, end);
		out->len = (size_t)(to - out->data);
	}
}

/* UTF-8 as an automaton whose states are shift counts: a byte's word has, at
 * each state's place, the state that follows. So the only thing that waits for
 * the byte before is a shift. Bad is 0 and stays so. (Method: P. Vognsen,
 * "Shift-based DFAs"; the states are the rows of RFC 3629 section 4.) */
enum { BAD = 0, DONE = 6, ONE_LEFT = 12, TWO_LEFT = 18, THREE_LEFT = 24,
       AFTER_E0 = 30, AFTER_ED = 36, AFTER_F0 = 42, AFTER_F4 = 48 };

#define GOES(from, to) ((uint64_t)(to) << (from))
#define GOES_ON (GOES(ONE_LEFT, DONE) | GOES(TWO_LEFT, ONE_LEFT) | GOES(THREE_LEFT, TWO_LEFT))

static const uint64_t utf8_table[256] = {
	[0x00 ... 0x7f] = GOES(DONE, DONE),
	[0x80 ... 0x8f] = GOES_ON | GOES(AFTER_ED, ONE_LEFT) | GOES(AFTER_F4, TWO_LEFT),
	[0x90 ... 0x9f] = GOES_ON | GOES(AFTER_ED, ONE_LEFT) | GOES(AFTER_F0, TWO_LEFT),
	[0xa0 ... 0xbf] = GOES_ON | GOES(AFTER_E0, ONE_LEFT) | GOES(AFTER_F0, TWO_LEFT),
	[0xc2 ... 0xdf] = GOES(DONE, ONE_LEFT),
	[0xe0] = GOES(DONE, AFTER_E0),
	[0xe1 ... 0xec] = GOES(DONE, TWO_LEFT),
	[0xed] = GOES(DONE, AFTER_ED),
	[0xee ... 0xef] = GOES(DONE, TWO_LEFT),
	[0xf0] = GOES(DONE, AFTER_F0),
	[0xf1 ... 0xf3] = GOES(DONE, THREE_LEFT),
	[0xf4] = GOES(DONE, AFTER_F4),
};

bool utf8_valid(struct text text)
{
	const unsigned char *at = (const unsigned char *)text.data, *end = at_end(text);
	uint64_t state = DONE;

	while (end - at >= BLOCK) {
		if ((state & 63) != DONE || !ascii(at)) {
			for (int i = 0; i < BLOCK; i++)
				state = utf8_table[at[i]] >> (state & 63);
			if ((state & 63) == BAD)
				return false;
		}
		at += BLOCK;
	}
	while (at < end)
		state = utf8_table[*at++] >> (state & 63);
	return (state & 63) == DONE;
}

static const char digits64[64] = {
	'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
	'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f',
	'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
	'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'
};

static inline char *base64_group(char *to, const unsigned char *at)
{
	uint32_t group = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];

	to[0] = digits64[group >> 18];
	to[1] = digits64[group >> 12 & 63];
	to[2] = digits64[group >> 6 & 63];
	to[3] = digits64[group & 63];
	return to + 4;
}

void base64(struct buf *out, struct text bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.data, *end = at_end(bytes);
	size_t left = bytes.len % 3;
	char *to = bytes.len ? buf_reserve(out, bytes.len / 3 * 4 + 4) : NULL;

	if (!to)
		return;
	for (end -= left; at < end; at += 3)
		to = base64_group(to, at);
	if (left) {
		unsigned char last[3] = { at[0], left > 1 ? at[1] : 0, 0 };

		to = base64_group(to, last);
		to[-1] = '=';
		if (left == 1)
			to[-2] = '=';
	}
	out->len = (size_t)(to - out->data);
}
