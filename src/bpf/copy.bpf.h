/* Copying what a call moved into the ring: a record is reserved, and its bytes
 * are read straight into it, from one buffer or from several, so that a header
 * and a body that were written together stay together. What finds no room is
 * counted, on the connection and direction that it belonged to, and its place in
 * the stream is kept: `offset` always moves on. */
#ifndef GLASSTAP_COPY_H
#define GLASSTAP_COPY_H

#include "state.bpf.h"

/* Remembers that `len` bytes were refused. The connection's own counters ride
 * on its next event; `refused` is for the case that there is none. */
static __noinline void refuse(struct sock_state *state, struct event_data *data, __u64 len)
{
	struct refused sums = {};
	__u8 dir = data->dir & 1;

	count(&lost[LOST_DATA], 1);
	if (!state)
		return;
	count(&state->lost[dir], len);
	count(&state->lost_events[dir], 1);
	sums.moved[0] = state->moved[0];
	sums.moved[1] = state->moved[1];
	sums.lost[0] = state->lost[0];
	sums.lost[1] = state->lost[1];
	sums.lost_events[0] = state->lost_events[0];
	sums.lost_events[1] = state->lost_events[1];
	if (bpf_map_update_elem(&refused, &state->id, &sums, BPF_ANY))
		count(&unplaced_bytes, len);
}

static __always_inline void piece_done(struct event_data *data, __u64 len)
{
	data->done += len;
	data->offset += len;
}

/* clang drops a bound that it can prove and the verifier cannot. */
#define CLAMP(value, most) \
	asm volatile("if %0 <= %1 goto +1\n%0 = %1" : "+r"(value) : "i"(most))

static __always_inline struct ring_record *reserve_data(struct sock_state *state,
						       struct event_data *data, __u64 copy)
{
	struct ring_record *record = ring_reserve(sizeof(*data) + copy, data_limit);
	struct event_data *event;

	if (!record)
		return NULL;
	event = (void *)(record + 1);
	*event = *data;
	event->lost = state->lost[data->dir & 1];
	event->lost_events = state->lost_events[data->dir & 1];
	event->captured = copy;
	event->head.size = sizeof(*event) + copy;
	return record;
}

/* Not all of it could be read. */
static __always_inline void cut_data(struct ring_record *record, __u64 captured, __u8 gap)
{
	struct event_data *event = (void *)(record + 1);

	event->captured = captured;
	event->head.size = sizeof(*event) + captured;
	event->gap = gap;
}

/* One piece of one buffer: `copy` of `data->len` bytes are read. */
__noinline int emit_piece(struct sock_state *state, struct event_data *data, __u64 from, __u64 copy)
{
	struct ring_record *record;

	if (!state || !data)
		return 0;
	CLAMP(copy, EVENT_PIECE);
	record = reserve_data(state, data, copy);
	if (record) {
		if (bpf_probe_read_user((char *)(record + 1) + sizeof(*data), copy, (void *)from))
			cut_data(record, 0, GAP_UNREADABLE);
		ring_submit(record);
	} else {
		refuse(state, data, data->len);
	}
	piece_done(data, data->len);
	return 0;
}

/* `len` bytes of which nothing can be or shall be copied. */
__noinline int emit_gap(struct sock_state *state, struct event_data *data, __u64 len, __u32 gap)
{
	struct ring_record *record;

	if (!state || !data || !len)
		return 0;
	data->len = len;
	record = reserve_data(state, data, 0);
	if (record) {
		cut_data(record, 0, gap);
		ring_submit(record);
	} else {
		refuse(state, data, len);
	}
	piece_done(data, len);
	return 0;
}

/* How much of the next `len` bytes the user wants: all, some, or none. */
static __always_inline __u64 wanted_of(const struct event_data *data, __u64 len)
{
	if (data->done >= snap)
		return 0;
	return len < snap - data->done ? len : snap - data->done;
}

/* How far a walk over a buffer and the iovecs behind it has come. It lies in
 * memory that a global function may change: so the verifier forgets what it knew
 * of it, and every round of a loop looks alike. The verifier walks every round,
 * but a global function only once, and no more than 8 calls deep. */
struct walk {
	__u64 base, len;       /* the rest of the buffer at hand */
	__u64 vector, entries; /* the iovecs behind it, */
	__u64 kernel;          /* in the kernel's memory or the program's */
	__u64 left;            /* bytes of the call not sent so far */
	__u64 at;              /* the record that is being filled: its place in the ring, */
	__u64 filled, wanted;  /* how much of it is there, and shall be */
};

/* Why a walk came to its end too early: no more buffers, or one that could not be
 * read. */
static __always_inline __u8 unread_gap(const struct walk *walk)
{
	return walk->len || walk->entries ? GAP_UNREADABLE : GAP_IOVEC;
}

static __always_inline long read_iovec(struct user_iovec *entry, const struct walk *walk)
{
	if (walk->kernel)
		return bpf_probe_read_kernel(entry, sizeof(*entry), (void *)walk->vector);
	return bpf_probe_read_user(entry, sizeof(*entry), (void *)walk->vector);
}

/* Reads the next buffer, or as much of it as is wanted. Returns 1 at the end. */
__noinline int fill_next(struct walk *walk)
{
	__u64 take, filled, zero = 0;
	struct user_iovec entry;
	char *memory;

	if (!walk)
		return 1;
	if (!walk->len) {
		if (!walk->entries || read_iovec(&entry, walk))
			return 1;
		walk->vector += sizeof(entry);
		walk->entries--;
		walk->base = entry.base;
		walk->len = entry.len;
		return 0;
	}
	filled = walk->filled;
	take = walk->wanted - filled;
	if (take > walk->len)
		take = walk->len;
	memory = bpf_map_lookup_elem(&ring, &zero);
	if (!memory)
		return 1;
	CLAMP(take, EVENT_PIECE);
	CLAMP(filled, EVENT_PIECE);
	memory += walk->at & ring_mask;
	memory += sizeof(struct ring_record) + sizeof(struct event_data) + filled;
	if (bpf_probe_read_user(memory, take, (void *)walk->base))
		return 1;
	walk->base += take;
	walk->len -= take;
	walk->filled = filled + take;
	return 0;
}

/* The verifier walks the rounds of each of two loops instead of their product. */
#define FILL_ROUNDS 64

__noinline int fill_some(struct walk *walk)
{
	if (!walk)
		return 1;
	for (int i = 0; i < FILL_ROUNDS; i++)
		if (walk->filled >= walk->wanted || fill_next(walk))
			return 1;
	return 0;
}

/* The next piece. With -s, what is not copied rides on the last that is. Returns
 * 1 at the end. */
__noinline int emit_next(struct sock_state *state, struct event_data *data, struct walk *walk)
{
	struct ring_record *record;
	__u64 copy;

	if (!state || !data || !walk || !walk->left)
		return 1;
	data->len = walk->left;
	copy = wanted_of(data, data->len);
	if (copy < data->len)
		data->gap = GAP_CUT;
	if (copy > EVENT_PIECE) {
		copy = data->len = EVENT_PIECE;
		data->gap = GAP_NONE;
	}
	record = reserve_data(state, data, copy);
	if (!record) {
		refuse(state, data, walk->left);
		piece_done(data, walk->left);
		return 1;
	}
	walk->at = record->at;
	walk->filled = 0;
	walk->wanted = copy;
	for (int i = 0; i <= 2 * MAX_IOVECS / FILL_ROUNDS; i++)
		if (fill_some(walk))
			break;
	if (walk->filled < copy)
		cut_data(record, walk->filled & (EVENT_PIECE - 1), unread_gap(walk));
	ring_submit(record);
	piece_done(data, data->len);
	walk->left -= data->len;
	if (walk->filled == copy)
		return 0;
	emit_gap(state, data, walk->left, unread_gap(walk));
	return 1;
}

#define PIECES 256

__noinline int emit_some(struct sock_state *state, struct event_data *data, struct walk *walk)
{
	for (int i = 0; i < PIECES; i++)
		if (emit_next(state, data, walk))
			return 1;
	return 0;
}

/* No call moves more than 2 GiB (MAX_RW_COUNT). */
__noinline int emit_walk(struct sock_state *state, struct event_data *data, struct walk *walk)
{
	for (int i = 0; i <= (2U << 30) / (PIECES * EVENT_PIECE); i++)
		if (emit_some(state, data, walk))
			break;
	return 0;
}

static __always_inline bool fits_a_piece(const struct event_data *data, __u64 len)
{
	return len <= EVENT_PIECE && data->done + len <= snap;
}

/* One buffer of any length. */
static __always_inline void emit_buffer(struct sock_state *state, struct event_data *data,
					__u64 from, __u64 len)
{
	struct walk walk = { .base = from, .len = len, .left = len };

	data->len = len;
	if (fits_a_piece(data, len))
		emit_piece(state, data, from, len);
	else
		emit_walk(state, data, &walk);
}

/* What is mostly written: a header and a body, a few buffers that fit one event.
 * Returns 0 if it is something else. */
#define FEW 4

__noinline int emit_few(struct sock_state *state, struct event_data *data, __u64 vector,
			__u64 entries, __u64 len)
{
	struct user_iovec iovecs[FEW] = {};
	struct ring_record *record;
	__u64 filled = 0;
	char *to;

	if (!state || !data || entries > FEW || !fits_a_piece(data, len) ||
	    bpf_probe_read_user(iovecs, (entries & 7) * sizeof(*iovecs), (void *)vector))
		return 0;
	data->len = len;
	if (iovecs[0].len >= len)
		return emit_piece(state, data, iovecs[0].base, len), 1;
	record = reserve_data(state, data, len);
	if (!record) {
		refuse(state, data, len);
		piece_done(data, len);
		return 1;
	}
	to = (char *)(record + 1) + sizeof(*data);
	for (int i = 0; i < FEW; i++) {
		__u64 left = len - filled, take = iovecs[i].len < left ? iovecs[i].len : left;

		CLAMP(take, EVENT_PIECE);
		CLAMP(filled, EVENT_PIECE);
		if (take && bpf_probe_read_user(to + filled, take, (void *)iovecs[i].base))
			break;
		filled += take;
	}
	if (filled < len)
		cut_data(record, filled, GAP_UNREADABLE);
	ring_submit(record);
	piece_done(data, len);
	return 1;
}

/* `len` bytes that lie in the iovecs at `vector`. */
static __always_inline void emit_vector(struct sock_state *state, struct event_data *data,
					__u64 vector, __u64 entries, __u64 len)
{
	struct walk walk = { .vector = vector, .entries = entries, .left = len };

	if (!emit_few(state, data, vector, entries, len))
		emit_walk(state, data, &walk);
}

#endif
