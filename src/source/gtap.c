#include "source/gtap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"

/* Room 0: a number of 64 bits. Keys are kept for ever. */
static const struct {
	const char *key;
	size_t offset, room;
} members[] = {
#define NUMBER(name) { #name, offsetof(struct source_info, name), 0 }
#define STRING(name) { #name, offsetof(struct source_info, name), \
		       sizeof(((struct source_info *)0)->name) }
	NUMBER(clock_offset), NUMBER(began), NUMBER(zone_offset),
	STRING(version), STRING(kernel), STRING(machine), STRING(host), STRING(command),
#undef NUMBER
#undef STRING
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

_Static_assert(sizeof(struct source_info) + MEMBERS * 64 < GTAP_MAX_INFO, "room");

uint32_t gtap_head_sum(const struct gtap_head *head, const char *info)
{
	size_t from = offsetof(struct gtap_head, order);
	size_t len = offsetof(struct gtap_head, checksum) - from;

	return checksum(checksum(0, (const char *)head + from, len), info, head->info_len);
}

size_t gtap_write_info(const struct source_info *info, char text[GTAP_MAX_INFO])
{
	size_t len = 0;

	for (size_t i = 0; i < MEMBERS; i++) {
		const char *member = (const char *)info + members[i].offset;
		char digits[32];

		if (members[i].room == 0) {
			int64_t number;

			memcpy(&number, member, sizeof(number));
			snprintf(digits, sizeof(digits), "%" PRId64, number);
			member = digits;
		}
		len += (size_t)sprintf(text + len, "%s", members[i].key) + 1;
		len += (size_t)sprintf(text + len, "%.*s", members[i].room ?
				       (int)members[i].room - 1 : 31, member) + 1;
	}
	memset(text + len, 0, gtap_padded(len) - len);
	return gtap_padded(len);
}

static int read_number(char *member, const char *value)
{
	char *end;
	int64_t number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno || end == value || *end)
		return -EBADMSG;
	memcpy(member, &number, sizeof(number));
	return 0;
}

static int read_member(struct source_info *info, const char *key, const char *value)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		char *member = (char *)info + members[i].offset;

		if (strcmp(key, members[i].key) != 0)
			continue;
		if (members[i].room == 0)
			return read_number(member, value);
		snprintf(member, members[i].room, "%s", value);
		return 0;
	}
	return 0;                      /* of a later version */
}

int gtap_read_info(struct source_info *info, const char *text, size_t len)
{
	const char *end = text + len;

	*info = (struct source_info){ 0 };
	while (text < end && *text) {
		const char *value = memchr(text, '\0', (size_t)(end - text));
		const char *value_end;

		if (!value)
			return -EBADMSG;
		value++;
		value_end = memchr(value, '\0', (size_t)(end - value));
		if (!value_end || read_member(info, text, value))
			return -EBADMSG;
		text = value_end + 1;
	}
	return 0;
}
