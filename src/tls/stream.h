/* One direction of a connection as records: puts pieces in order, drops what comes
 * twice, says what is missing, and finds the next record behind that. A record
 * that lies in one piece is handed out where it is; others are put together. */
#ifndef GLASSTAP_TLS_STREAM_H
#define GLASSTAP_TLS_STREAM_H

#include "base/list.h"
#include "fact.h"
#include "tls/record.h"

/* Whose call moved a byte, and when. */
struct origin {
	uint64_t time;
	uint32_t pid, tid;
	char comm[EVENT_COMM];
};

struct piece {
	struct list list;
	uint64_t offset, len;
	const uint8_t *data;       /* NULL: missing */
	const char *gap;           /* why */
	bool kept;                 /* it and its data are the stream's own */
	struct origin origin;
};

struct stream {
	struct list pieces;        /* by offset */
	bool begun;                /* `next` is known */
	bool searching;            /* for a record: where one begins is not known */
	bool impatient;            /* what has not come will not come; until the next piece */
	uint64_t next;             /* the byte behind the part */
	size_t kept;               /* bytes of memory in pieces of its own and in the part */

	uint8_t *part;             /* beginning of a record whose end is in later pieces */
	size_t part_from, part_len, part_room;
	struct origin origin;      /* of the last byte that was looked at */
	uint8_t before[SUITE_BLOCK_MAX]; /* what was taken last */
	uint8_t before_len;
};

enum stream_state {
	STREAM_MORE,               /* all that there is has been taken */
	STREAM_AHEAD,              /* later bytes are here, earlier ones may still come */
	STREAM_GAP,                /* bytes are missing: stream_skip goes on behind them */
	STREAM_BROKEN,             /* no record begins here: stream_reject */
	STREAM_RECORD
};

struct stream_record {
	const uint8_t *data;
	size_t len;                /* with its head */
	uint64_t offset;
	const struct origin *origin; /* of its last byte */
};

void stream_init(struct stream *stream);
void stream_free(struct stream *stream);       /* as after stream_init */

/* Puts in a piece, which stays the caller's, until it is taken out by stream_keep. */
void stream_put(struct stream *stream, struct piece *piece);
/* Takes the piece out again, and keeps a copy of what was not taken of it. -ENOMEM:
 * that is missing now. */
int stream_keep(struct stream *stream, struct piece *piece);

/* What is next; the same again until it is taken. */
enum stream_state stream_peek(struct stream *stream, struct stream_record *record);
void stream_take(struct stream *stream, const struct stream_record *record);

/* It is no record after all: from its second byte on a new one is looked for. */
void stream_reject(struct stream *stream);

/* Steps over a gap, and looks for a record behind it. A record that it cuts is
 * lost too. Returns why there is one. */
const char *stream_skip(struct stream *stream);

/* Forgets all that is here: the next record is looked for behind it. */
void stream_clear(struct stream *stream);

/* Where the first byte is that was not taken; and behind the last that is here. */
uint64_t stream_at(const struct stream *stream);
uint64_t stream_end(const struct stream *stream);

/* How long the first piece behind a hole has been waiting. */
bool stream_waits_since(const struct stream *stream, uint64_t *time);

#endif
