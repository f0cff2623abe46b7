#include <stdlib.h>

#include "base/base64.h"
#include "base/escape.h"
#include "output_check.h"
#include "test.h"

/* A copy that ends where its memory does, for the address sanitizer. */
static struct text exact(const void *data, size_t len)
{
	char *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	return (struct text){ copy, len };
}

static void reference_text(struct buf *out, struct text text)
{
	for (size_t i = 0, len; i < text.len; i += len) {
		uint32_t code = 0;
		unsigned char byte = (unsigned char)text.data[i];

		len = check_decode(text.data + i, text.len - i, &code);
		if (len && code == '\\') {
			buf_printf(out, "\\\\");
		} else if (len && !check_harmful(code)) {
			buf_add(out, text.data + i, len);
		} else {
			const char *named = byte ? strchr("\nn\rr\tt", byte) : NULL;

			len = 1;
			if (named && byte < 0x20)
				buf_printf(out, "\\%c", named[1]);
			else
				buf_printf(out, "\\x%02x", byte);
		}
	}
}

static void check_escape_text(const void *data, size_t len)
{
	struct text text = exact(data, len);
	struct buf is = { 0 }, wanted = { 0 };

	escape_text(&is, text);
	reference_text(&wanted, text);
	CHECK_BYTES(is.data, is.len, wanted.data, wanted.len);
	free((char *)text.data);
	buf_free(&is);
	buf_free(&wanted);
}

TEST(text_every_byte)
{
	for (int byte = 0; byte < 256; byte++) {
		char line[40];

		for (size_t at = 0; at < sizeof(line); at++) {
			memset(line, 'a', sizeof(line));
			line[at] = (char)byte;
			check_escape_text(line, sizeof(line));
		}
		memset(line, byte, sizeof(line));
		for (size_t len = 0; len <= sizeof(line); len++)
			check_escape_text(line, len);
	}
}

TEST(text_known)
{
	static const struct { const char *in, *out; } known[] = {
		{ "plain ~", "plain ~" },
		{ "a\nb\rc\td\\", "a\\nb\\rc\\td\\\\" },
		{ "\033[31m\a\b\177", "\\x1b[31m\\x07\\x08\\x7f" },
		{ "\xc2\x9b" "1m", "\\xc2\\x9b1m" },                 /* C1 CSI */
		{ "\x9b" "1m", "\\x9b1m" },
		{ "gr\xc3\xbc\xc3\x9f \xe4\xb8\xad \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xe4\xb8\xad \xf0\x9f\x98\x80" },
		{ "\xe2\x80\xae" "txt", "\\xe2\\x80\\xaetxt" },      /* right-to-left override */
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
		{ "\xe2\x80\x8b\xef\xbb\xbf", "\\xe2\\x80\\x8b\\xef\\xbb\\xbf" },
		{ "\xef\xbf\xbe\xf4\x8f\xbf\xbf", "\\xef\\xbf\\xbe\\xf4\\x8f\\xbf\\xbf" },
		{ "\xc0\x80\xed\xa0\x80", "\\xc0\\x80\\xed\\xa0\\x80" }, /* overlong, surrogate */
		{ "\xef\xbf\xbd", "\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct buf out = { 0 };

		escape_text(&out, text_of(known[i].in));
		CHECK_TEXT(out, known[i].out);
		buf_free(&out);
	}
}

TEST(text_cut_characters)
{
	static const char whole[] = "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
	char line[64];

	for (size_t from = 0; from < 9; from++)
		for (size_t len = 1; from + len <= 9; len++)
			for (size_t before = 0; before < 20; before++)
				for (size_t behind = 0; behind < 20; behind += 19) {
					memset(line, '.', sizeof(line));
					memcpy(line + before, whole + from, len);
					check_escape_text(line, before + len + behind);
				}
}

/* Bytes of all kinds, in runs, so that each path of the code meets each other. */
static size_t mixed(char *to, size_t len, uint64_t *state)
{
	static const char *const parts[] = {
		"plain ascii text", "\r\n", "\\", "\"", "\xc3\xa9", "\xe4\xb8\xad\xe6\x96\x87",
		"\xf0\x9f\x98\x80", "\xe2\x80\xae", "\xc2\x85", "\xe2\x82", "\xf0\x9f\x98", "\xff", "\x80",
		"\1\2\3\4", "\xef\xbb\xbf", "\xef\xbf\xbf", "\xf3\xa0\x80\xa1", "\xd8\x9c", "\xe1\xa0\x8e"
	};
	size_t used = 0;

	while (used < len) {
		const char *part = parts[test_random(state) % (sizeof(parts) / sizeof(parts[0]))];
		size_t step = strlen(part);

		if (test_random(state) % 8 == 0) {
			to[used++] = (char)test_random(state);
			continue;
		}
		if (step > len - used)
			step = len - used;
		memcpy(to + used, part, step);
		used += step;
	}
	return len;
}

TEST(text_random)
{
	uint64_t state = 1;
	char data[9000];

	for (int i = 0; i < 3000; i++)
		check_escape_text(data, mixed(data, test_random(&state) % 200, &state));
	for (int i = 0; i < 40; i++)
		check_escape_text(data, mixed(data, 4000 + test_random(&state) % 5000, &state));
}

static size_t hex_count(struct text text)
{
	struct buf shown = { 0 };
	size_t count = 0;

	reference_text(&shown, text);
	for (size_t at = 0; at < shown.len; at++) {
		count += shown.data[at] == '\\' && shown.data[at + 1] == 'x';
		at += shown.data[at] == '\\';
	}
	buf_free(&shown);
	return count;
}

static void reference_wrapped(struct buf *out, struct text text)
{
	size_t width = 100;

	for (size_t i = 0; i < text.len; i++) {
		struct buf byte = { 0 };

		reference_text(&byte, (struct text){ text.data + i, 1 });
		if (width + byte.len > 100) {
			buf_string(out, i ? "\n    " : "    ");
			width = 4;
		}
		buf_add(out, byte.data, byte.len);
		width += byte.len;
		buf_free(&byte);
	}
	buf_char(out, '\n');
}

static void reference_lines(struct buf *out, struct text text)
{
	const char *judged = text.data;

	while (text.len) {
		const char *newline = memchr(text.data, '\n', text.len);
		size_t len = newline ? (size_t)(newline - text.data) : text.len;
		size_t step = newline ? len + 1 : len, window = text.len < 512 ? text.len : 512;

		if (text.data >= judged && hex_count((struct text){ text.data, len })) {
			if (hex_count((struct text){ text.data, window }) * 10 > window * 3) {
				reference_wrapped(out, text);
				return;
			}
			judged = text.data + window;
		}
		if (newline && len && newline[-1] == '\r')
			len--;
		if (len)
			buf_string(out, "    ");
		reference_text(out, (struct text){ text.data, len });
		buf_char(out, '\n');
		text.data += step;
		text.len -= step;
	}
}

static void check_lines(const void *data, size_t len)
{
	struct text text = exact(data, len);
	struct buf is = { 0 }, wanted = { 0 };

	buf_string(&is, "before\n");
	buf_string(&wanted, "before\n");
	escape_lines(&is, text);
	reference_lines(&wanted, text);
	CHECK_BYTES(is.data, is.len, wanted.data, wanted.len);
	CHECK(check_terminal(is.data, is.len, false));
	CHECK(check_indent(is.data, is.len));
	free((char *)text.data);
	buf_free(&is);
	buf_free(&wanted);
}

TEST(lines_known)
{
	static const struct { const char *in, *out; } known[] = {
		{ "", "" }, { "a", "    a\n" }, { "a\r\nb", "    a\n    b\n" }, { "\n\r\n", "\n\n" },
		{ "gr\xc3\xbc\xc3\x9f\n\ra\\\t\n", "    gr\xc3\xbc\xc3\x9f\n    \\ra\\\\\\t\n" },
		{ "text\n\n\1\2\n\xc3\xbc", "    text\n\n    \\x01\\x02\\n\\xc3\\xbc\n" },
		{ "long enough: \1\n", "    long enough: \\x01\n" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct buf out = { 0 };

		escape_lines(&out, text_of(known[i].in));
		CHECK_BYTES(out.data, out.len, known[i].out, strlen(known[i].out));
		buf_free(&out);
	}
}

TEST(lines_end_everywhere)
{
	static const char *const parts[] = { "\n", "\r\n", "\r", "\r\r\n", "\n\n", "\r\n\r\n", "\1\n", "\xc3\xbc\n" };
	char data[120];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (size_t at = 0; at < 50; at++)
			for (size_t behind = 0; behind < 60; behind++) {
				size_t len = strlen(parts[i]);

				memset(data, 'a', sizeof(data));
				memcpy(data + at, parts[i], len);
				check_lines(data, at + len + behind);
				memcpy(data + at + len + behind, parts[i], len);
				check_lines(data, at + 2 * len + behind);
			}
}

/* Each byte and the pairs that matter, alone and many at once. */
TEST(lines_every_byte)
{
	char data[600];

	for (int byte = 0; byte < 256; byte++)
		for (size_t len = 0; len < sizeof(data); len += 1 + len / 8) {
			memset(data, byte, sizeof(data));
			check_lines(data, len);
			for (size_t i = 0; i < len; i += 2)
				data[i] = '\n';
			check_lines(data, len);
			for (size_t i = 0; i < len; i++)
				data[i] = (char)(i % 7 ? 'a' : byte);
			check_lines(data, len);
		}
}

/* About as much binary as is still text, so that all of the judgement is met. */
TEST(lines_random)
{
	uint64_t state = 2;
	char data[13000];

	for (int i = 0; i < 3000; i++) {
		size_t len = mixed(data, test_random(&state) % (i % 20 ? 1500 : sizeof(data)), &state);
		size_t plain = test_random(&state) % 100, width = 1 + test_random(&state) % 1000;

		for (size_t at = 0; at < len; at++) {
			uint64_t random = test_random(&state);

			if (random % 100 < plain)
				data[at] = (char)('a' + random / 100 % 26);
			if (random / 3000 % width == 0)
				data[at] = '\n';
		}
		check_lines(data, len);
	}
}

/* Binary that begins anywhere near the edges of blocks, chunks and windows. */
TEST(lines_turn_binary)
{
	static const size_t edges[] = { 16, 496, 512, 528, 1024, 4096, 8192 };
	char data[9000];

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		for (size_t at = edges[i] - 16; at < edges[i] + 20; at++)
			for (size_t width = 5; width < 700; width += 1 + width / 2) {
				memset(data, 'a', sizeof(data));
				for (size_t newline = at % width; newline < at; newline += width)
					data[newline] = '\n';
				memset(data + at, 1, 400);
				check_lines(data, at + 400);
				data[0] = '\2';
				check_lines(data, at + 700);
			}
}

static void check_valid(const void *data, size_t len)
{
	struct text text = exact(data, len);
	bool wanted = true;

	for (size_t i = 0, step; i < len && wanted; i += step) {
		uint32_t code;

		step = check_decode(text.data + i, len - i, &code);
		wanted = step != 0;
	}
	if (utf8_valid(text) != wanted)
		CHECK(!"utf8_valid differs");
	free((char *)text.data);
}

TEST(utf8_all_short_sequences)
{
	unsigned char bytes[4];

	for (unsigned value = 0; value < 1u << 16; value++) {
		memcpy(bytes, (unsigned char[]){ value >> 8, value }, 2);
		check_valid(bytes, 1);
		check_valid(bytes, 2);
	}
	for (unsigned value = 0; value < 1u << 18; value++) { /* 64 third bytes: 4 apart */
		memcpy(bytes, (unsigned char[]){ value >> 10, value >> 2, (value & 3) << 6 | 0x3f, 0 }, 3);
		if (bytes[0] >= 0xe0)
			check_valid(bytes, 3);
	}
	for (unsigned lead = 0xee; lead < 0x100; lead++)
		for (unsigned second = 0; second < 256; second++)
			for (unsigned i = 0; i < 16; i++) {
				static const unsigned char edge[] = { 0x7f, 0x80, 0xbf, 0xc0 };

				memcpy(bytes, (unsigned char[]){ lead, second, edge[i & 3], edge[i >> 2] }, 4);
				check_valid(bytes, 4);
			}
}

TEST(utf8_every_place)
{
	static const char *const characters[] = {
		"\xc3\xa9", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x8f\xbf\xbf", "\xe2\x82", "\x80"
	};
	char line[64];

	for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++)
		for (size_t at = 0; at < 40; at++)
			for (size_t len = 1; len <= strlen(characters[i]); len++)
				for (size_t behind = 0; behind < 20; behind++) {
					memset(line, 'a', sizeof(line));
					memcpy(line + at, characters[i], len);
					check_valid(line, at + len + behind);
				}
	CHECK(utf8_valid((struct text){ NULL, 0 }));
}

static size_t encode(char *to, uint32_t code)
{
	if (code < 0x80)
		return to[0] = (char)code, 1;
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 63));
		to[2] = (char)(0x80 | (code & 63));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 63));
	to[2] = (char)(0x80 | (code >> 6 & 63));
	to[3] = (char)(0x80 | (code & 63));
	return 4;
}

static uint32_t hex4(const char *at)
{
	char digits[5] = { at[0], at[1], at[2], at[3], 0 };

	return (uint32_t)strtoul(digits, NULL, 16);
}

/* Reads a JSON string's inside as RFC 8259 says. */
static void json_decode(struct buf *out, struct text text)
{
	static const char named[] = "\"\"\\\\//b\bf\fn\nr\rt\t";

	for (size_t i = 0; i < text.len; i++) {
		uint32_t code;
		char bytes[4];

		if (text.data[i] != '\\') {
			buf_char(out, text.data[i]);
			continue;
		}
		if (text.data[++i] != 'u') {
			buf_char(out, strchr(named, text.data[i])[1]);
			continue;
		}
		code = hex4(text.data + i + 1);
		i += 4;
		if (code >= 0xd800 && code < 0xdc00) {
			code = 0x10000 + ((code - 0xd800) << 10) + hex4(text.data + i + 3) - 0xdc00;
			i += 6;
		}
		buf_add(out, bytes, encode(bytes, code));
	}
}

static void check_json(struct text text)
{
	struct buf escaped = { 0 }, line = { 0 }, back = { 0 };

	escape_json(&escaped, text);
	buf_char(&line, '{');
	buf_printf(&line, "\"a\":\"");
	buf_add(&line, escaped.data, escaped.len);
	buf_printf(&line, "\"}\n");
	CHECK(check_json_line(line.data, line.len));
	json_decode(&back, (struct text){ escaped.data, escaped.len });
	CHECK_BYTES(back.data, back.len, text.data, text.len);
	buf_free(&escaped);
	buf_free(&line);
	buf_free(&back);
}

TEST(json_every_character)
{
	char line[200 * 4];
	size_t len = 0;

	for (uint32_t code = 0; code < 0x110000; code++) {
		if (code >= 0xd800 && code < 0xe000)
			continue;
		len += encode(line + len, code);
		if (len > sizeof(line) - 4 || code == 0x10ffff) {
			struct text text = exact(line, len);

			check_json(text);
			free((char *)text.data);
			len = 0;
		}
	}
}

TEST(text_every_character)
{
	char line[200 * 4];
	size_t len = 0;

	for (uint32_t code = 0; code < 0x110000; code++) {
		len += encode(line + len, code);       /* and the surrogates */
		if (len > sizeof(line) - 4 || code == 0x10ffff) {
			check_escape_text(line, len);
			len = 0;
		}
	}
}

TEST(json_known)
{
	struct buf out = { 0 };

	escape_json(&out, TEXT("a\"b\\c/\b\f\n\r\t\0\x1f\x7f\xc2\x9b\xe2\x80\xa8\xf3\xa0\x81\x81\xc3\xa9"));
	CHECK_TEXT(out, "a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\\u009b\\u2028\\udb40\\udc41\xc3\xa9");
	buf_free(&out);
}

TEST(json_random_valid_text)
{
	uint64_t state = 3;
	char data[9000];

	for (int i = 0; i < 3000; i++) {
		size_t len = mixed(data, test_random(&state) % (i % 100 ? 100 : sizeof(data)), &state);
		size_t kept = 0;
		struct text text;

		for (size_t at = 0, step; at < len; at += step ? step : 1) {
			uint32_t code;

			step = check_decode(data + at, len - at, &code);
			memmove(data + kept, data + at, step);
			kept += step;
		}
		text = exact(data, kept);
		CHECK(utf8_valid(text));
		check_json(text);
		free((char *)text.data);
	}
}

TEST(base64_known)
{
	static const char *const known[] = { /* RFC 4648 section 10 */
		"", "", "f", "Zg==", "fo", "Zm8=", "foo", "Zm9v", "foob", "Zm9vYg==",
		"fooba", "Zm9vYmE=", "foobar", "Zm9vYmFy", "\xff\xfe\xfb\xef", "//777w=="
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i += 2) {
		struct text text = exact(known[i], strlen(known[i]));
		struct buf out = { 0 };

		base64(&out, text);
		CHECK_TEXT(out, known[i + 1]);
		free((char *)text.data);
		buf_free(&out);
	}
}

TEST(base64_reads_back)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t state = 4;

	for (size_t len = 0; len < 200; len++) {
		char data[200], back[204];
		struct buf out = { 0 };
		size_t used = 0;

		for (size_t i = 0; i < len; i++)
			data[i] = (char)test_random(&state);
		base64(&out, (struct text){ data, len });
		CHECK_EQ(out.len, (len + 2) / 3 * 4);
		for (size_t i = 0; i < out.len; i += 4) {
			uint32_t group = 0;

			for (size_t j = 0; j < 4; j++) {
				const char *digit = strchr(digits, out.data[i + j]);

				group = group << 6 | (digit ? (uint32_t)(digit - digits) : 0);
			}
			back[used++] = (char)(group >> 16);
			back[used++] = (char)(group >> 8);
			back[used++] = (char)group;
		}
		CHECK(used >= len && memcmp(back, data, len) == 0);
		buf_free(&out);
	}
}

TEST(nothing_in_nothing_out)
{
	struct buf out = { 0 };
	struct text none = { NULL, 0 };

	escape_text(&out, none);
	escape_json(&out, none);
	base64(&out, none);
	escape_lines(&out, none);
	CHECK_EQ(out.len, 0);
	CHECK(!out.failed);
	buf_free(&out);
}

TEST(a_failed_buffer_stays_failed)
{
	struct buf out = { 0 };

	buf_uint_grouped(&out, 1234567);
	buf_int(&out, INT64_MIN);
	buf_uint_pad(&out, 7, 3, '0');
	buf_uint(&out, UINT64_MAX);
	CHECK_TEXT(out, "1,234,567-922337203685477580800718446744073709551615");
	CHECK(buf_reserve(&out, SIZE_MAX / 2) == NULL);
	CHECK(out.failed);
	out.len = 0;
	buf_char(&out, 'x');
	escape_text(&out, TEXT("x\n"));
	escape_json(&out, TEXT("x\n"));
	base64(&out, TEXT("x"));
	escape_lines(&out, TEXT("x\n"));
	escape_lines(&out, TEXT("\1\n"));
	CHECK_EQ(out.len, 0);
	buf_free(&out);
}

TEST_MAIN()
