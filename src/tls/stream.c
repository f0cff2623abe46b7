/* Invariants
 * - Pieces are ordered by offset; of two with the same, the one with data first.
 * - `part` holds bytes of the stream that end at `next`. It is empty unless the
 *   first record is not whole in one piece, or a record is being looked for.
 * - A piece that ends at or before `next` has nothing more to say and goes. */
#include "tls/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNSEEN "unseen"
#define PIECE_MIN sizeof(struct piece) /* what a kept one takes, besides its bytes */

void stream_init(struct stream *stream)
{
	*stream = (struct stream){ 0 };
	list_init(&stream->pieces);
}

static void drop_piece(struct stream *stream, struct piece *piece)
{
	list_remove(&piece->list);
	if (!piece->kept)
		return;
	stream->kept -= PIECE_MIN + (piece->data ? piece->len : 0);
	free(piece);
}

static void drop_part(struct stream *stream)
{
	stream->kept -= stream->part_room;
	free(stream->part);
	stream->part = NULL;
	stream->part_from = stream->part_len = stream->part_room = 0;
}

void stream_free(struct stream *stream)
{
	while (!list_empty(&stream->pieces))
		drop_piece(stream, LIST_ITEM(stream->pieces.next, struct piece, list));
	drop_part(stream);
	stream_init(stream);
}

void stream_put(struct stream *stream, struct piece *piece)
{
	struct list *at = stream->pieces.prev;

	list_init(&piece->list);
	if (!piece->len || piece->offset + piece->len < piece->offset)
		return;
	stream->impatient = false;
	if (!stream->begun) {
		stream->begun = true;
		stream->next = piece->offset;
	}
	while (at != &stream->pieces) {
		const struct piece *other = LIST_ITEM(at, struct piece, list);

		if (other->offset < piece->offset ||
		    (other->offset == piece->offset && (other->data || !piece->data)))
			break;
		at = at->prev;
	}
	list_add_front(at, &piece->list);
}

/* With what was not taken yet. NULL: no memory. */
static struct piece *copy(const struct stream *stream, const struct piece *piece)
{
	uint64_t taken = stream->next > piece->offset ? stream->next - piece->offset : 0;
	uint64_t len = piece->len - taken;
	struct piece *own = malloc(sizeof(*own) + (piece->data ? len : 0));

	if (!own)
		return NULL;
	*own = *piece;
	own->kept = true;
	own->offset += taken;
	own->len = len;
	if (piece->data) {
		memcpy(own + 1, piece->data + taken, len);
		own->data = (const uint8_t *)(own + 1);
	}
	return own;
}

int stream_keep(struct stream *stream, struct piece *piece)
{
	struct piece *own = NULL;

	if (list_empty(&piece->list))
		return 0;
	if (piece->offset + piece->len > stream->next) {
		own = copy(stream, piece);
		if (own) {
			list_add_front(&piece->list, &own->list);
			stream->kept += PIECE_MIN + (own->data ? own->len : 0);
		}
	}
	list_remove(&piece->list);
	return own || piece->offset + piece->len <= stream->next ? 0 : -ENOMEM;
}

/* The rest of the first piece that has one. */
static enum stream_state front(struct stream *stream, const uint8_t **at, size_t *len)
{
	while (!list_empty(&stream->pieces)) {
		struct piece *piece = LIST_ITEM(stream->pieces.next, struct piece, list);
		uint64_t end = piece->offset + piece->len;

		if (end <= stream->next) {
			drop_piece(stream, piece);
			continue;
		}
		if (piece->offset > stream->next)
			return stream->impatient ? STREAM_GAP : STREAM_AHEAD;
		stream->origin = piece->origin;
		if (!piece->data)
			return STREAM_GAP;
		*at = piece->data + (stream->next - piece->offset);
		*len = end - stream->next;
		return STREAM_RECORD;
	}
	return STREAM_MORE;
}

/* Whether these can be the first bytes of a record. A head is type, version
 * (0x0300 to 0x0304) and length. */
static bool is_head(const uint8_t *at, size_t len)
{
	if (len > 0 && (at[0] < RECORD_CHANGE || at[0] > RECORD_HEARTBEAT))
		return false;
	if (len > 1 && at[1] != 3)
		return false;
	if (len > 2 && at[2] > 4)
		return false;
	return len < RECORD_HEAD || (at[3] << 8 | at[4]) <= RECORD_MAX;
}

static size_t find_head(const uint8_t *at, size_t len)
{
	size_t i = 0;

	while (i < len && !is_head(at + i, len - i))
		i++;
	return i;
}

static size_t record_len(const uint8_t *head)
{
	return RECORD_HEAD + (size_t)(head[3] << 8 | head[4]);
}

static void note(struct stream *stream, const uint8_t *data, size_t len)
{
	size_t room = sizeof(stream->before), stay;

	if (len >= room) {
		memcpy(stream->before, data + len - room, room);
		stream->before_len = (uint8_t)room;
		return;
	}
	stay = stream->before_len < room - len ? stream->before_len : room - len;
	memmove(stream->before + room - len - stay, stream->before + room - stay, stay);
	memcpy(stream->before + room - len, data, len);
	stream->before_len = (uint8_t)(stay + len);
}

static uint8_t *part_at(const struct stream *stream)
{
	return stream->part + stream->part_from;
}

static size_t part_has(const struct stream *stream)
{
	return stream->part_len - stream->part_from;
}

static void part_take(struct stream *stream, size_t len)
{
	note(stream, part_at(stream), len);
	stream->part_from += len;
	if (stream->part_from == stream->part_len)
		drop_part(stream);
}

/* Moves `len` bytes from the first piece behind the part, which is to have `need`
 * in the end. */
static int part_add(struct stream *stream, const uint8_t *data, size_t len, size_t need)
{
	size_t has = part_has(stream);

	if (stream->part_from) {
		memmove(stream->part, part_at(stream), has);
		stream->part_from = 0;
		stream->part_len = has;
	}
	if (need > stream->part_room) {
		uint8_t *more = realloc(stream->part, need);

		if (!more)
			return -ENOMEM;
		stream->part = more;
		stream->kept += need - stream->part_room;
		stream->part_room = need;
	}
	memcpy(stream->part + has, data, len);
	stream->part_len += len;
	stream->next += len;
	return 0;
}

/* In search of a head: drops what cannot be one. */
static void skip_to_head(struct stream *stream, const uint8_t *at, size_t len)
{
	size_t skip;

	if (part_has(stream)) {
		skip = find_head(part_at(stream), part_has(stream));
		if (skip)
			part_take(stream, skip);
		return;
	}
	skip = find_head(at, len);
	if (skip) {
		note(stream, at, skip);
		stream->next += skip;
	}
}

static void give_record(struct stream *stream, const uint8_t *data, uint64_t offset,
			struct stream_record *record)
{
	*record = (struct stream_record){ data, record_len(data), offset, &stream->origin };
}

enum stream_state stream_peek(struct stream *stream, struct stream_record *record)
{
	for (;;) {
		size_t has = part_has(stream), need = RECORD_HEAD, len;
		const uint8_t *at;
		enum stream_state state;

		if (has && !is_head(part_at(stream), has)) {
			if (!stream->searching)
				return STREAM_BROKEN;
			skip_to_head(stream, NULL, 0);
			continue;
		}
		if (has >= RECORD_HEAD)
			need = record_len(part_at(stream));
		if (has >= need) {
			give_record(stream, part_at(stream), stream->next - has, record);
			return STREAM_RECORD;
		}
		state = front(stream, &at, &len);
		if (state != STREAM_RECORD)
			return state;
		if (!has && !is_head(at, len)) {
			if (!stream->searching)
				return STREAM_BROKEN;
			skip_to_head(stream, at, len);
			continue;
		}
		if (!has && len >= RECORD_HEAD && len >= record_len(at)) {
			give_record(stream, at, stream->next, record);
			return STREAM_RECORD;
		}
		if (len > need - has)
			len = need - has;
		if (part_add(stream, at, len, need)) {
			stream->next += len; /* no memory: as if they were not there */
			drop_part(stream);
			stream->searching = true;
		}
	}
}

void stream_take(struct stream *stream, const struct stream_record *record)
{
	if (part_has(stream)) {
		part_take(stream, record->len);
		return;
	}
	note(stream, record->data, record->len);
	stream->next += record->len;
}

void stream_reject(struct stream *stream)
{
	const uint8_t *at;
	size_t len;

	stream->searching = true;
	if (part_has(stream)) {
		part_take(stream, 1);
	} else if (front(stream, &at, &len) == STREAM_RECORD) {
		note(stream, at, 1);
		stream->next++;
	}
}

const char *stream_skip(struct stream *stream)
{
	const char *why = UNSEEN;
	struct piece *piece;

	drop_part(stream);
	stream->before_len = 0;
	stream->searching = true;
	if (list_empty(&stream->pieces))
		return why;
	piece = LIST_ITEM(stream->pieces.next, struct piece, list);
	stream->origin = piece->origin;
	if (piece->offset > stream->next) {
		stream->next = piece->offset;
	} else if (!piece->data) {
		why = piece->gap ? piece->gap : UNSEEN;
		stream->next = piece->offset + piece->len;
	}
	return why;
}

void stream_clear(struct stream *stream)
{
	uint64_t end = stream_end(stream);

	while (!list_empty(&stream->pieces))
		drop_piece(stream, LIST_ITEM(stream->pieces.next, struct piece, list));
	drop_part(stream);
	stream->next = end;
	stream->before_len = 0;
	stream->searching = true;
}

uint64_t stream_at(const struct stream *stream)
{
	return stream->next - part_has(stream);
}

uint64_t stream_end(const struct stream *stream)
{
	uint64_t end = stream->next;

	for (const struct list *at = stream->pieces.next; at != &stream->pieces; at = at->next) {
		const struct piece *piece = LIST_ITEM(at, const struct piece, list);

		if (piece->offset + piece->len > end)
			end = piece->offset + piece->len;
	}
	return end;
}

bool stream_waits_since(const struct stream *stream, uint64_t *time)
{
	const struct piece *piece;

	if (list_empty(&stream->pieces))
		return false;
	piece = LIST_ITEM(stream->pieces.next, const struct piece, list);
	*time = piece->origin.time;
	return piece->offset > stream->next;
}
