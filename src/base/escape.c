/* Theory of operation
 *
 * Most of what is escaped needs no escape. So a block of bytes is looked at at
 * once (base/block.h) and stored as it is; if a mask says that it holds
 * `special` bytes, each of those is written over what was stored, and the bytes
 * behind it are stored again. A special byte costs no branch either: a table has
 * what to store for each, always stored as 8 bytes, of which the next store
 * overwrites the surplus. Where special bytes are dense, a whole block goes that
 * way.
 *
 * escape_lines does all in one pass: a line is begun as text and taken back if
 * its first \xHH tells that it is binary. That is for good, and needs only the
 * table: whoever sends binary as text pays for one line.
 *
 * Invariants
 * - `to` has room for the longest form of every byte of the chunk, plus SLACK
 *   for a store that is longer than what it means. A chunk may be overrun by
 *   the 3 bytes of a character that begins in it.
 * - A byte of 0x80 and above is copied only as part of a valid character that
 *   `hidden` has let through, or is overwritten. */
#include "base/escape.h"

#include "base/block.h"

#define CHUNK 4096             /* escaped between two looks at the room */
#define SLACK 16               /* BLOCK, or the size of a table's entry */
#define OVERRUN 3
#define HEX 4                  /* \xHH, the longest form in text */
#define LINES_MOST 5           /* \xHH in a line of its own: 9 bytes of 2 */
#define INDENT ((int)sizeof(ESCAPE_INDENT) - 1)
#define COLUMNS (100 - INDENT)
#define WINDOW 512             /* judged at a time: text or not */

_Static_assert(BLOCK <= SLACK, "a block is stored whole");

/* NULL + 0 is not defined in C. */
static inline const unsigned char *at_end(struct text text)
{
	return (const unsigned char *)(text.len ? text.data + text.len : text.data);
}

static inline size_t chunk(const unsigned char *at, const unsigned char *end)
{
	return end - at < CHUNK ? (size_t)(end - at) : CHUNK;
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

/* Length of the character that may be shown as it is, 0 if none is there. Most
 * are known by their lead byte to be neither hidden nor overlong. */
static inline size_t character(const unsigned char *at, const unsigned char *end)
{
	unsigned char lead = *at;

	if (lead < 0xc2 || end - at < 2 || !begins(at))
		return 0;
	if (lead < 0xe0 && lead != 0xc2 && lead != 0xd8)
		return 2;
	if (lead >= 0xe3 && lead < 0xef && lead != 0xed)
		return end - at > 2 && continues(at[2]) ? 3 : 0;
	return visible(at, (size_t)(end - at));
}

/* Which bytes of a block text_table has as \xHH. */
static inline uint64_t hexes(const unsigned char *at)
{
	return specials(at, '\\') & ~(equal(at, '\\') | equal(at, '\t') | equal(at, '\n') |
				      equal(at, '\r'));
}

static inline char *text_bytes(char *to, const unsigned char *at, int count)
{
	for (int i = 0; i < count; i++)
		to = show(to, &text_table[at[i]]);
	return to;
}

/* A way through bytes. Behind `end`, for escape_lines alone. */
struct pass {
	char *to;
	const unsigned char *end;
	const unsigned char *line, *judged;    /* this line; judged text up to there */
	char *line_to;                 /* where `line` is shown, with its indentation */
	bool hex;                      /* a \xHH was shown that asks for a judgement */
};

/* "\n" and "\r\n" end a line. 0: not here. */
static inline size_t line_end(const unsigned char *at, const unsigned char *end)
{
	if (*at == '\n')
		return 1;
	return *at == '\r' && end - at > 1 && at[1] == '\n' ? 2 : 0;
}

/* The indentation is there before it is known whether the line has anything. */
static inline void begin_line(struct pass *pass, const unsigned char *at)
{
	pass->line = at;
	pass->line_to = pass->to;
	memcpy(pass->to, ESCAPE_INDENT, INDENT);
	pass->to += INDENT;
}

static inline void end_line(struct pass *pass, const unsigned char *at)
{
	pass->to -= at == pass->line ? INDENT : 0;
	*pass->to++ = '\n';
}

/* As many as are shown as \xHH, up to `most` or a few more. */
static size_t count_hex(const unsigned char *at, const unsigned char *end, size_t most)
{
	size_t count = 0;

	while (at < end && count <= most) {
		size_t len = character(at, end);

		count += !len & (text_table[*at].len == HEX);
		at += len ? len : 1;
	}
	return count;
}

/* By bounds, if they tell: each beginning of a character may save four bytes. */
static __attribute__((noinline)) bool mostly_binary(const unsigned char *from, size_t len)
{
	const unsigned char *at = from, *end = from + len;
	size_t most = len * 3 / 10, count = 0, characters = 0;

	for (; end - at > BLOCK; at += BLOCK) {
		uint64_t leads = at_least(at, 0xc2) & at_least(at + 1, 0x80);

		count += mask_count(hexes(at));
		characters += mask_count(leads & ~at_least(at + 1, 0xc0));
	}
	if (count > most + 4 * characters)
		return true;
	return count + (size_t)(end - at) > most && count_hex(from, end, most) > most;
}

/* Whether the line, if it has a \xHH, is with what follows rather binary. What
 * was judged to be text is not judged again, or hostile data could make us look
 * at each byte many times. */
static inline bool turns_binary(struct pass *pass)
{
	bool hex = pass->hex;
	size_t len = (size_t)(pass->end - pass->line);

	pass->hex = false;
	if (!hex || pass->line < pass->judged)
		return false;
	len = len < WINDOW ? len : WINDOW;
	pass->judged = pass->line + len;
	return mostly_binary(pass->line, len);
}

/* A run of characters, or one byte of what is none, or a line's end. NULL: the
 * line turned out to be binary. */
static inline __attribute__((always_inline))
const unsigned char *text_one(struct pass *pass, const unsigned char *at,
			      const unsigned char *until, bool lines)
{
	size_t len;

	if (lines && (len = line_end(at, pass->end))) {
		if (turns_binary(pass))
			return NULL;
		end_line(pass, at);
		begin_line(pass, at + len);
		return at + len;
	}
	len = character(at, pass->end);
	if (!len) {
		pass->hex |= text_table[*at].len == HEX;
		pass->to = show(pass->to, &text_table[*at]);
		return at + 1;
	}
	do {
		pass->to = copy(pass->to, at, len);
		at += len;
	} while (at < until && (len = character(at, pass->end)));
	return at;
}

static inline __attribute__((always_inline))
const unsigned char *text_each(struct pass *pass, const unsigned char *at,
			       const unsigned char *until, bool lines)
{
	while (at && at < until)
		at = text_one(pass, at, until, lines);
	return at;
}

/* A block, from one special byte to the next. What is between is stored with
 * what follows, as far as a block goes: the next special byte overwrites it. */
static inline __attribute__((always_inline))
const unsigned char *text_sparse(struct pass *pass, const unsigned char *at, uint64_t mask,
				 bool lines)
{
	const unsigned char *block = at, *until = at + BLOCK;

	memcpy(pass->to, at, BLOCK);
	do {
		const unsigned char *special = block + mask_first(mask);

		pass->to += special - at;
		at = text_one(pass, special, until, lines);
		if (!at)
			return NULL;
		memcpy(pass->to, at, BLOCK);
		mask &= mask - 1;
		if (at > special + 1)
			mask = at < until ? mask_behind(mask, (size_t)(at - block)) : 0;
	} while (mask);
	if (at >= until)
		return at;
	pass->to += until - at;
	return until;
}

/* From `at` up to `stop`; may overrun it by OVERRUN. NULL as text_one. */
static inline __attribute__((always_inline))
const unsigned char *text_chunk(struct pass *pass, const unsigned char *at,
				const unsigned char *stop, bool lines)
{
	while (at < stop) {
		uint64_t mask = stop - at < BLOCK ? 0 : specials(at, '\\');

		if (stop - at < BLOCK) {
			at = text_each(pass, at, stop, lines);
		} else if (!mask) {
			memcpy(pass->to, at, BLOCK);
			pass->to += BLOCK;
			at += BLOCK;
			continue;
		} else if (mask_dense(mask) && ascii(at) &&
			   !(lines && (equal(at, '\n') || line_end(at + BLOCK - 1, pass->end)))) {
			pass->hex |= hexes(at) != 0;
			pass->to = text_bytes(pass->to, at, BLOCK);
			at += BLOCK;
		} else if (stop - at >= 2 * BLOCK + OVERRUN) {
			at = text_sparse(pass, at, mask, lines);
		} else {
			at = text_each(pass, at, at + BLOCK, lines);
		}
		if (!at || (lines && turns_binary(pass)))
			return NULL;
	}
	return at;
}

void escape_text(struct buf *out, struct text text)
{
	const unsigned char *at = (const unsigned char *)text.data;
	struct pass pass = { .end = at_end(text) };

	while (at < pass.end) {
		size_t len = chunk(at, pass.end);

		pass.to = buf_reserve(out, HEX * (len + OVERRUN) + SLACK);
		if (!pass.to)
			return;
		at = text_chunk(&pass, at, at + len, false);
		out->len = (size_t)(pass.to - out->data);
	}
}

/* As many bytes as fit, and as far as they are known to, without a look at each. */
static inline const unsigned char *wrapped_line(char **to, const unsigned char *at,
						const unsigned char *end)
{
	char *now = *to, *full = now + COLUMNS;

	if (end - at >= COLUMNS / HEX) {
		now = text_bytes(now, at, COLUMNS / HEX);
		at += COLUMNS / HEX;
	}
	for (; end - at >= 8 && full - now >= 8 * HEX; at += 8)
		now = text_bytes(now, at, 8);
	while (at < end && full - now >= text_table[*at].len)
		now = show(now, &text_table[*at++]);
	*to = now;
	return at;
}

static __attribute__((noinline))
void escape_wrapped(struct buf *out, const unsigned char *at, const unsigned char *end)
{
	while (at < end) {
		size_t len = chunk(at, end);
		const unsigned char *stop = at + len;
		char *to = buf_reserve(out, LINES_MOST * (len + COLUMNS) + SLACK);

		if (!to)
			return;
		while (at < stop) {
			memcpy(to, ESCAPE_INDENT, INDENT);
			to += INDENT;
			at = wrapped_line(&to, at, end);
			*to++ = '\n';
		}
		out->len = (size_t)(to - out->data);
	}
}

void escape_lines(struct buf *out, struct text text)
{
	const unsigned char *at = (const unsigned char *)text.data;
	struct pass pass = { .end = at_end(text), .line = at, .judged = at };
	size_t line_at = out->len;

	if (text.len)
		buf_add(out, ESCAPE_INDENT, INDENT);
	while (at < pass.end) {
		size_t len = chunk(at, pass.end);

		pass.to = buf_reserve(out, LINES_MOST * (len + OVERRUN) + SLACK);
		if (!pass.to)
			return;
		pass.line_to = out->data + line_at;
		at = text_chunk(&pass, at, at + len, true);
		line_at = (size_t)(pass.line_to - out->data);
		if (!at) {
			out->len = line_at;
			escape_wrapped(out, pass.line, pass.end);
			return;
		}
		out->len = (size_t)(pass.to - out->data);
	}
	if (pass.line < pass.end)
		buf_char(out, '\n');
	else if (text.len && !out->failed)
		out->len -= INDENT;
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

static inline char *json_ascii(char *to, const unsigned char *at)
{
	for (int i = 0; i < BLOCK; i++)
		to = show(to, &json_table[at[i]]);
	return to;
}

/* As text_sparse, of ASCII. */
static inline char *json_sparse(char *to, const unsigned char *at, uint64_t mask)
{
	const unsigned char *block = at;

	memcpy(to, at, BLOCK);
	do {
		const unsigned char *special = block + mask_first(mask);

		to = show(to + (special - at), &json_table[*special]);
		at = special + 1;
		memcpy(to, at, BLOCK);
		mask &= mask - 1;
	} while (mask);
	return to + (block + BLOCK - at);
}

static const unsigned char *json_chunk(char **to, const unsigned char *at,
				       const unsigned char *stop, const unsigned char *end)
{
	while (at < stop) {
		const unsigned char *until = stop - at < BLOCK ? stop : at + BLOCK;
		uint64_t mask = stop - at < BLOCK ? 0 : specials(at, '"');

		if (stop - at < BLOCK || (mask && !ascii(at))) {
			while (at < until)
				at = json_one(to, at, end);
			continue;
		}
		if (!mask) {
			memcpy(*to, at, BLOCK);
			*to += BLOCK;
		} else if (mask_dense(mask) || stop - at < 2 * BLOCK) {
			*to = json_ascii(*to, at);
		} else {
			*to = json_sparse(*to, at, mask);
		}
		at = until;
	}
	return at;
}

void escape_json(struct buf *out, struct text text)
{
	const unsigned char *at = (const unsigned char *)text.data, *end = at_end(text);

	while (at < end) {
		size_t len = chunk(at, end);
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
