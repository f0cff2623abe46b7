/* Copying what a call moved into the ring.
 *
 * A record is reserved before its bytes are read, so that they are copied once;
 * the kernel wants a constant size there, so records come in tiers. Scattered
 * buffers are gathered per CPU first and copied twice: a header and a body that
 * were written together stay together. What finds no room is counted, on the
 * connection and direction that it belonged to, and its place in the stream is
 * kept: `offset` always moves on. */
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

static __always_inline bool ring_is_full(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > data_limit;
}

static __always_inline void piece_done(struct event_data *data, __u64 len)
{
	data->done += len;
	data->offset += len;
}

/* clang drops a bound that it can prove and the verifier cannot. */
#define CLAMP(value, most) \
	asm volatile("if %0 <= %1 goto +1\n%0 = %1" : "+r"(value) : "i"(most))

#define TIER(room)                                                                  \
	do {                                                                        \
		struct event_data *event =                                          \
			bpf_ringbuf_reserve(&ring, sizeof(*event) + (room), 0);     \
		if (!event)                                                         \
			goto full;                                                  \
		*event = *data;                                                     \
		CLAMP(copy, room);                                                  \
		event->head.size = sizeof(*event) + copy;                           \
		event->captured = copy;                                             \
		if (bpf_probe_read_user(event + 1, copy, (void *)from)) {           \
			event->head.size = sizeof(*event);                          \
			event->captured = 0;                                        \
			event->gap = GAP_UNREADABLE;                                \
		}                                                                   \
		bpf_ringbuf_submit(event, wake_flags());                            \
	} while (0)

#define HEAD (sizeof(struct event_data) + 8) /* and the ring's own */

/* One piece of one buffer: `copy` of `data->len` bytes are read. */
__noinline int emit_piece(struct sock_state *state, struct event_data *data, __u64 from, __u64 copy)
{
	if (!state || !data)
		return 0;
	data->lost = state->lost[data->dir & 1];
	data->lost_events = state->lost_events[data->dir & 1];
	if (ring_is_full())
		goto full;
	if (copy <= 1280 - HEAD) {
		if (copy <= 256 - HEAD)
			TIER(256 - HEAD);
		else if (copy <= 512 - HEAD)
			TIER(512 - HEAD);
		else if (copy <= 768 - HEAD)
			TIER(768 - HEAD);
		else
			TIER(1280 - HEAD);
	} else if (copy <= 8960 - HEAD) {
		if (copy <= 2304 - HEAD)
			TIER(2304 - HEAD);
		else if (copy <= 4608 - HEAD)
			TIER(4608 - HEAD);
		else
			TIER(8960 - HEAD);
	} else if (copy <= 17408 - HEAD) {
		TIER(17408 - HEAD);
	} else if (copy <= 33280 - HEAD) {
		TIER(33280 - HEAD);
	} else {
		TIER(EVENT_PIECE);
	}
	piece_done(data, data->len);
	return 0;
full:
	refuse(state, data, data->len);
	piece_done(data, data->len);
	return 0;
}

/* All of a buffer that is no longer than a piece. */
static __always_inline void emit_piece_whole(struct sock_state *state, struct event_data *data,
					     __u64 from, __u64 len)
{
	data->len = len;
	emit_piece(state, data, from, len);
}

/* `len` bytes of which nothing can be or shall be copied. */
__noinline int emit_gap(struct sock_state *state, struct event_data *data, __u64 len, __u32 gap)
{
	struct event_data *event;

	if (!state || !data || !len)
		return 0;
	data->len = len;
	data->lost = state->lost[data->dir & 1];
	data->lost_events = state->lost_events[data->dir & 1];
	event = ring_is_full() ? NULL : bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		refuse(state, data, len);
	} else {
		*event = *data;
		event->head.size = sizeof(*event);
		event->captured = 0;
		event->gap = gap;
		bpf_ringbuf_submit(event, wake_flags());
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

/* How far a walk over a buffer, or over iovecs, has come. It lies in memory that
 * a global function may change: so the verifier forgets what it knew of it, and
 * every round of a loop looks alike. The verifier walks every round, but a global
 * function only once, and no more than 8 calls deep. */
struct walk {
	__u64 from;            /* the buffer's rest, or the iovecs' */
	__u64 len;             /* bytes of the buffer, or of the call, not sent so far */
	__u64 entries;         /* iovecs not walked so far */
	__u64 filled;          /* bytes that are gathered and not sent */
};

#define PIECES 32

/* The next pieces of a buffer. Returns 1 at the end. With -s, what is not copied
 * rides on the last piece that is. */
__noinline int emit_next(struct sock_state *state, struct event_data *data, struct walk *walk)
{
	if (!state || !data || !walk)
		return 1;
	for (int i = 0; i < PIECES; i++) {
		__u64 len = walk->len, copy = wanted_of(data, len);

		if (!len)
			return 1;
		if (!copy)
			return emit_gap(state, data, len, GAP_CUT), 1;
		if (copy < len && copy <= EVENT_PIECE) {
			data->len = len;
			data->gap = GAP_CUT;
			emit_piece(state, data, walk->from, copy);
			return 1;
		}
		if (copy > EVENT_PIECE)
			copy = EVENT_PIECE;
		data->len = copy;
		emit_piece(state, data, walk->from, copy);
		walk->from += copy;
		walk->len -= copy;
	}
	return 0;
}

/* One buffer of any length: no call moves more than 2 GiB (MAX_RW_COUNT). */
__noinline int emit_buffer(struct sock_state *state, struct event_data *data, __u64 from, __u64 len)
{
	struct walk walk = { .from = from, .len = len };

	if (!state || !data)
		return 0;
	if (len && len <= EVENT_PIECE && data->done + len <= snap)
		return emit_piece_whole(state, data, from, len), 0;
	for (int i = 0; i <= (2U << 30) / (PIECES * EVENT_PIECE); i++)
		if (emit_next(state, data, &walk))
			break;
	return 0;
}

/* Sends what was gathered so far. */
__noinline int emit_gathered(struct sock_state *state, struct event_data *data, __u64 filled)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);

	if (!state || !data || !scratch || !filled)
		return 0;
	CLAMP(filled, GATHER_PIECE);
	data->len = filled;
	scratch->head = *data;
	scratch->head.lost = state->lost[data->dir & 1];
	scratch->head.lost_events = state->lost_events[data->dir & 1];
	scratch->head.captured = filled;
	scratch->head.head.size = sizeof(struct event_data) + filled;
	if (ring_is_full() ||
	    bpf_ringbuf_output(&ring, scratch, sizeof(struct event_data) + filled, wake_flags()))
		refuse(state, data, filled);
	piece_done(data, filled);
	return 0;
}

/* One of several buffers: small ones are gathered behind the `filled` bytes that
 * are there already, large ones and those that -s cuts go by themselves. Returns
 * how many bytes are gathered now. */
__noinline int emit_entry(struct sock_state *state, struct event_data *data, __u64 from, __u64 take,
			  __u64 filled)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);

	if (!state || !data || !scratch)
		return 0;
	if (take > GATHER_PIECE || data->done + filled + take > snap) {
		emit_gathered(state, data, filled);
		emit_buffer(state, data, from, take);
		return 0;
	}
	if (filled + take > GATHER_PIECE) {
		emit_gathered(state, data, filled);
		filled = 0;
	}
	CLAMP(take, GATHER_PIECE);
	CLAMP(filled, GATHER_PIECE);
	if (bpf_probe_read_user(scratch->data + filled, take, (void *)from)) {
		emit_gathered(state, data, filled);
		emit_gap(state, data, take, GAP_UNREADABLE);
		return 0;
	}
	return filled + take;
}

/* The next iovec. Returns 1 at the end. */
__noinline int emit_iovec(struct sock_state *state, struct event_data *data, struct walk *walk)
{
	struct user_iovec entry;

	if (!state || !data || !walk || !walk->entries || !walk->len)
		return 1;
	if (bpf_probe_read_user(&entry, sizeof(entry), (void *)walk->from))
		return 1;
	walk->from += sizeof(entry);
	walk->entries--;
	if (entry.len > walk->len)
		entry.len = walk->len;
	if (!entry.len)
		return 0;
	walk->len -= entry.len;
	/* What is alone needs no gathering. */
	if (!walk->len && !walk->filled)
		return emit_buffer(state, data, entry.base, entry.len), 1;
	walk->filled = (__u32)emit_entry(state, data, entry.base, entry.len, walk->filled);
	return 0;
}

/* What is mostly written: a header and a body, a few buffers that fit one event.
 * Returns 0 if it is something else. */
#define FEW 4

__noinline int emit_few(struct sock_state *state, struct event_data *data, __u64 vector,
			__u64 entries, __u64 len)
{
	struct user_iovec iovecs[FEW] = {};
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);
	__u64 left = len, filled = 0;

	if (!state || !data || !scratch || entries > FEW || len > GATHER_PIECE || len > snap)
		return 0;
	if (bpf_probe_read_user(iovecs, (entries & 7) * sizeof(*iovecs), (void *)vector))
		return 0;
	if (iovecs[0].len >= len)
		return emit_piece_whole(state, data, iovecs[0].base, len), 1;
	for (int i = 0; i < FEW; i++) {
		__u64 take = iovecs[i].len < left ? iovecs[i].len : left;

		CLAMP(take, GATHER_PIECE);
		CLAMP(filled, GATHER_PIECE);
		if (take && bpf_probe_read_user(scratch->data + filled, take, (void *)iovecs[i].base))
			return 0;
		filled += take;
		left -= take;
	}
	if (left)
		return 0;
	emit_gathered(state, data, filled);
	return 1;
}

/* `len` bytes that lie in the iovecs at `vector`. */
__noinline int emit_vector(struct sock_state *state, struct event_data *data, __u64 vector,
			   __u64 entries, __u64 len)
{
	struct walk walk = { .from = vector, .entries = entries, .len = len };

	if (!state || !data || emit_few(state, data, vector, entries, len))
		return 0;
	for (int i = 0; i < MAX_IOVECS; i++)
		if (emit_iovec(state, data, &walk))
			break;
	emit_gathered(state, data, walk.filled);
	return emit_gap(state, data, walk.len, GAP_IOVEC);
}

#endif
