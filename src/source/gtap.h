/* The file format of a recording. All integers are in the byte order of the
 * machine that recorded; every part begins at a multiple of 8 bytes.
 *
 *	struct gtap_head
 *	info              info_len bytes: "key\0value\0"..., filled up with NULs.
 *	                  Numbers are decimal; unknown keys are ignored.
 *	then, for each event:
 *	struct gtap_record
 *	the event         `size` bytes, as bpf/event.h has them
 *	padding           NULs up to a multiple of 8
 *
 * Each checksum covers what follows it and where that belongs, so that damage,
 * a piece that is missing and a piece that is there twice are all noticed. A
 * file that was cut anywhere is good up to the last whole event. */
#ifndef GLASSTAP_GTAP_H
#define GLASSTAP_GTAP_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"
#include "source/source.h"

/* As of PNG: a byte that is not text, the two line ends that a transfer in text
 * mode changes, and what stops a listing on old systems. */
#define GTAP_MAGIC "\x89GTP\r\n\x1a\n"
#define GTAP_ORDER 0x01020304u
#define GTAP_ORDER_OTHER 0x04030201u
#define GTAP_FORMAT 1          /* of this file; EVENT_VERSION is that of the events */

struct gtap_head {
	char magic[8];
	uint32_t order;            /* GTAP_ORDER */
	uint16_t format, events;   /* GTAP_FORMAT, EVENT_VERSION */
	uint32_t info_len;         /* a multiple of 8 */
	uint32_t checksum;         /* of order to info_len, and of the info */
};

struct gtap_record {
	uint32_t size;
	uint32_t checksum;         /* of the event, seeded with its number from 0 */
};

_Static_assert(sizeof(struct gtap_head) == 24, "layout");
_Static_assert(sizeof(struct gtap_record) == 8, "layout");

/* The strings of a source_info are under 5 KiB; the rest is for later keys. */
#define GTAP_MAX_INFO 65536

/* The largest event, and room for a later one with a longer head. */
#define GTAP_MAX_EVENT (sizeof(struct event_data) + EVENT_PIECE + 1024)

static inline size_t gtap_padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

/* The checksum for a head, the info behind it included. */
uint32_t gtap_head_sum(const struct gtap_head *head, const char *info);

/* The info as text, padded. Its length. */
size_t gtap_write_info(const struct source_info *info, char text[GTAP_MAX_INFO]);
int gtap_read_info(struct source_info *info, const char *text, size_t len);    /* -EBADMSG */

#endif
