/* What must hold for all output, whatever came in. Written apart from what it
 * checks, and slowly. For test_out, test_escape and fuzz_out. */
#ifndef GLASSTAP_OUTPUT_CHECK_H
#define GLASSTAP_OUTPUT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Length and code of the character at `at`; 0: it is none. */
__attribute__((unused))
static size_t check_decode(const char *at, size_t left, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char lead = (unsigned char)at[0];
	size_t len = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 :
		     lead < 0xf8 ? 4 : 0;

	if (len == 0 || len > left)
		return 0;
	*code = len == 1 ? lead : lead & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		*code = *code * 64 + (at[i] & 0x3f);
	}
	if (*code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return len;
}

/* Must never reach a terminal. */
__attribute__((unused))
static bool check_harmful(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0xad || code == 0x61c ||
	       code == 0x180e || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
	       (code >= 0xfdd0 && code <= 0xfdef) || code == 0xfeff ||
	       (code >= 0xfff9 && code <= 0xfffb) || (code & 0xfffe) == 0xfffe ||
	       (code >= 0xe0000 && code <= 0xe0fff);
}

/* Lines of valid UTF-8 without anything harmful but, if asked, colours. */
__attribute__((unused))
static bool check_terminal(const char *at, size_t left, bool colour)
{
	while (left) {
		uint32_t code;
		size_t len = check_decode(at, left, &code);

		if (!len)
			return false;
		if (colour && code == 27) {
			if (left < 4 || at[1] != '[')
				return false;
			for (len = 2; len < left && at[len] >= '0' && at[len] <= '9'; len++)
				;
			if (len++ == left || at[len - 1] != 'm')
				return false;
		} else if (code != '\n' && check_harmful(code)) {
			return false;
		}
		at += len;
		left -= len;
	}
	return true;
}

/* One fact's text: a line of ours, then indented or empty ones only. */
__attribute__((unused))
static bool check_indent(const char *at, size_t left)
{
	if (left == 0)
		return true;
	if (at[left - 1] != '\n' || at[0] == '\n')
		return false;
	for (const char *end = at + left; (at = memchr(at, '\n', (size_t)(end - at))); ) {
		if (++at == end)
			return true;
		if (*at != '\n' && *at != ' ' && *at != 27)
			return false;
	}
	return false;
}

struct check_json {
	const char *at, *end;
	int depth;
};

__attribute__((unused))
static bool check_json_string(struct check_json *json)
{
	if (json->at == json->end || *json->at++ != '"')
		return false;
	while (json->at < json->end && *json->at != '"') {
		uint32_t code;
		size_t len = check_decode(json->at, (size_t)(json->end - json->at), &code);

		if (!len || check_harmful(code))
			return false;
		json->at += len;
		if (code != '\\')
			continue;
		if (json->at == json->end || !strchr("\"\\/bfnrtu", *json->at))
			return false;
		if (*json->at++ == 'u')
			for (int i = 0; i < 4; i++)
				if (json->at == json->end || !*json->at ||
				    !strchr("0123456789abcdefABCDEF", *json->at++))
					return false;
	}
	return json->at < json->end && *json->at++ == '"';
}

__attribute__((unused))
static bool check_json_digits(struct check_json *json)
{
	const char *from = json->at;

	while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
		json->at++;
	return json->at > from;
}

__attribute__((unused))
static bool check_json_number(struct check_json *json)
{
	const char *from;

	if (json->at < json->end && *json->at == '-')
		json->at++;
	from = json->at;
	if (!check_json_digits(json) || (*from == '0' && json->at > from + 1))
		return false;
	if (json->at == json->end || *json->at != '.')
		return true;
	json->at++;
	return check_json_digits(json);
}

static bool check_json_value(struct check_json *json);

/* Members or elements; no name may come twice. */
__attribute__((unused))
static bool check_json_list(struct check_json *json, char close)
{
	struct { const char *at; size_t len; } names[64];
	size_t count = 0;

	json->at++;
	if (json->at < json->end && *json->at == close)
		return json->at++, true;
	for (;;) {
		if (close == '}') {
			const char *name = json->at;
			size_t len;

			if (!check_json_string(json) || count == 64)
				return false;
			len = (size_t)(json->at - name);
			for (size_t i = 0; i < count; i++)
				if (names[i].len == len && !memcmp(names[i].at, name, len))
					return false;
			names[count].at = name;
			names[count++].len = len;
			if (json->at == json->end || *json->at++ != ':')
				return false;
		}
		if (!check_json_value(json) || json->at == json->end)
			return false;
		if (*json->at == close)
			return json->at++, true;
		if (*json->at++ != ',')
			return false;
	}
}

static bool check_json_value(struct check_json *json)
{
	bool valid;

	if (json->at == json->end || ++json->depth > 6)
		return false;
	if (*json->at == '"')
		valid = check_json_string(json);
	else if (*json->at == '{')
		valid = check_json_list(json, '}');
	else if (*json->at == '[')
		valid = check_json_list(json, ']');
	else if (json->end - json->at >= 4 && memcmp(json->at, "true", 4) == 0)
		json->at += 4, valid = true;
	else if (json->end - json->at >= 5 && memcmp(json->at, "false", 5) == 0)
		json->at += 5, valid = true;
	else
		valid = check_json_number(json);
	json->depth--;
	return valid;
}

/* One object and a line's end. */
__attribute__((unused))
static bool check_json_line(const char *line, size_t len)
{
	struct check_json json = { line, line + len, 0 };

	return len && *line == '{' && check_json_value(&json) && json.end - json.at == 1 &&
	       *json.at == '\n';
}

#endif
