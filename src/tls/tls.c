/* Facts in, facts out; between them the sessions: which there are, which of them
 * wait for keys, and how much memory all of them hold. A session begins with a
 * client's hello at the beginning of a piece, wherever in the stream that is, as
 * proxies and STARTTLS have something else before it. */
#include "tls/tls.h"

#include <stdlib.h>

#include "limits.h"
#include "tls/detect.h"
#include "tls/state.h"

#define WAIT_NS (3ull * 1000 * 1000 * 1000)    /* for a key: they come in milliseconds */
#define AHEAD_NS (100ull * 1000 * 1000)        /* flow says within 20 ms what is missing */

struct tls *tls_new(bool decrypt, fact_fn *on_fact, void *context)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return NULL;
	tls->decrypt = decrypt;
	tls->on_fact = on_fact;
	tls->context = context;
	list_init(&tls->used);
	list_init(&tls->closed);
	list_init(&tls->waiting);
	for (int i = 0; i < RANDOM_BUCKETS; i++)
		list_init(&tls->by_random[i]);
	map_init(&tls->sessions, MAX_TLS);
	if (!decrypt)
		return tls;
	if (secrets_init(&tls->secrets) || keys_init(&tls->keys)) {
		tls_free(tls);
		return NULL;
	}
	return tls;
}

static void pass(struct tls *tls, const struct fact *fact)
{
	tls->on_fact(tls->context, fact);
}

static struct session *first_of(const struct list *list)
{
	return LIST_ITEM(list->next, struct session, lru);
}

static void drop(struct tls *tls, struct session *session)
{
	map_remove(&tls->sessions, session->conn.id);
	if (session->closed)
		tls->closed_count--;
	session_free(tls, session);
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	while (!list_empty(&tls->used))
		drop(tls, first_of(&tls->used));
	while (!list_empty(&tls->closed))
		drop(tls, first_of(&tls->closed));
	map_free(&tls->sessions);
	if (tls->decrypt) {
		secrets_free(&tls->secrets);
		keys_free(&tls->keys);
	}
	OPENSSL_cleanse(tls->room, sizeof(tls->room));
	free(tls);
}

/* Sessions */

static void evict(struct tls *tls)
{
	struct list *list = list_empty(&tls->closed) ? &tls->used : &tls->closed;
	struct session *session = LIST_ITEM(list->prev, struct session, lru);

	if (!session->closed)
		tls->sums.evicted++;
	session_end(tls, session);
	drop(tls, session);
}

static struct session *begin(struct tls *tls, const struct fact *fact)
{
	struct session *session;

	if (tls->sessions.count >= MAX_TLS)
		evict(tls);
	session = session_new(fact->conn);
	if (!session)
		return NULL;
	if (map_put(&tls->sessions, fact->conn->id, session)) {
		session_free(tls, session);
		return NULL;
	}
	list_add_front(&tls->used, &session->lru);
	session->at_hand = fact->conn;
	return session;
}

/* Whether it waits and what it holds, after anything has changed. */
static void account(struct tls *tls, struct session *session)
{
	const struct half *dirs = session->dirs;
	bool waits = dirs[0].wait == WAIT_KEY || dirs[1].wait == WAIT_KEY;
	size_t held = dirs[0].stream.kept + dirs[1].stream.kept;

	tls->held += held - session->held;
	session->held = held;
	if (!waits) {
		list_remove(&session->waiting);
	} else if (list_empty(&session->waiting)) {
		session->wait_since = tls->now;
		list_add_back(&tls->waiting, &session->waiting);
	}
}

/* What came too early for too long, or is too much. */
static void limit(struct tls *tls, struct session *session)
{
	for (int dir = 0; dir < 2; dir++) {
		struct half *d = &session->dirs[dir];
		bool full = d->stream.kept > MAX_HELD;
		uint64_t since;

		if (stream_waits_since(&d->stream, &since) &&
		    (full || (tls->now > since && tls->now - since > AHEAD_NS))) {
			d->stream.impatient = true;
			session_pump(tls, session);
			full = d->stream.kept > MAX_HELD;
		}
		if (full)
			session_give_up(tls, session, NULL);
	}
}

/* The session may be gone afterwards. */
static void settle(struct tls *tls, struct session *session)
{
	limit(tls, session);
	account(tls, session);
	session->at_hand = NULL;
	if (session->mistaken)
		drop(tls, session);
}

static void expire(struct tls *tls)
{
	while (tls->held > MAX_HELD_TOTAL)
		evict(tls);
	while (!list_empty(&tls->waiting)) {
		struct session *session = LIST_ITEM(tls->waiting.next, struct session, waiting);

		if (tls->now < session->wait_since || tls->now - session->wait_since < WAIT_NS)
			return;
		session_give_up(tls, session, NULL);
		account(tls, session);
	}
}

/* What moved */

static void see_no_further(struct tls *tls, struct session *session, const struct fact *fact,
			   const char *why)
{
	struct origin origin = { .time = fact->time, .pid = fact->pid, .tid = fact->tid };

	memcpy(origin.comm, fact->comm, strnlen(fact->comm, EVENT_COMM - 1));
	session->deaf = true;
	tell_unseen(tls, session, why, &origin);
}

static struct session *detect_session(struct tls *tls, const struct fact *fact, size_t *skip)
{
	enum detected what = detect(fact, skip);
	int dir = fact->io.dir;
	struct session *session = what == DETECT_NOTHING ? NULL : begin(tls, fact);

	if (!session)
		return NULL;
	if (what == DETECT_DTLS) {
		see_no_further(tls, session, fact, "DTLS is not opened yet");
	} else if (what == DETECT_DATA) {
		session->joined = true;
		see_no_further(tls, session, fact,
			       "it was up before glasstap attached; its keys are not known");
	} else {
		session->dirs[dir].on = true;
	}
	return session;
}

static void put(struct half *d, struct piece *piece, const struct fact *fact)
{
	piece->origin = (struct origin){ .time = fact->time, .pid = fact->pid, .tid = fact->tid };
	memcpy(piece->origin.comm, fact->comm, strnlen(fact->comm, EVENT_COMM - 1));
	stream_put(&d->stream, piece);
}

/* Nothing is kept, but where one is must be known if a key comes after all. */
static void pass_by(struct half *d, uint64_t offset, uint64_t len)
{
	struct stream *stream = &d->stream;

	if (!stream->begun || offset + len > stream->next)
		stream->next = offset + len;
	stream->begun = true;
}

/* The pieces lie on this stack and in the fact until they are taken or kept. */
static void feed(struct tls *tls, struct session *session, const struct fact *fact,
		 struct piece *data, struct piece *missing)
{
	struct half *d = &session->dirs[fact->type == FACT_IO ? fact->io.dir : fact->loss.dir];

	session->at_hand = fact->conn;
	if (fact->pid)
		session->pid = fact->pid;
	if (!session->closed) {
		list_remove(&session->lru);
		list_add_front(&tls->used, &session->lru);
	}
	if (session->deaf) {
		pass_by(d, data->offset, data->len + missing->len);
		if (!session->told_unseen && data->len && data->data[0] == RECORD_DATA)
			see_no_further(tls, session, fact, "no key came");
	} else {
		put(d, data, fact);
		put(d, missing, fact);
		session_pump(tls, session);
		stream_keep(&d->stream, data);
		stream_keep(&d->stream, missing);
	}
	settle(tls, session);
}

/* The other side of a hello: does TLS begin here? */
static bool starts(struct session *session, int dir, struct text bytes)
{
	struct half *d = &session->dirs[dir];

	if (d->on || session->deaf)
		return true;
	if (!bytes.len || d->over)
		return false;
	if (!detect_record(bytes, is_server(session, dir) || !session->client_known)) {
		session->not_tls |= session->client_known;
		return false;
	}
	d->on = true;
	d->sure = is_client(session, dir); /* whose own hello was not seen */
	return true;
}

static void on_io(struct tls *tls, const struct fact *fact)
{
	const struct fact_io *io = &fact->io;
	struct session *session = map_get(&tls->sessions, fact->conn->id);
	struct piece data, missing;
	size_t skip = 0;

	if (!session)
		session = detect_session(tls, fact, &skip);
	if (!session || !starts(session, io->dir, io->data))
		return;
	data = (struct piece){
		.offset = io->offset + skip, .len = io->data.len - skip,
		.data = (const uint8_t *)io->data.data + skip,
	};
	missing = (struct piece){
		.offset = io->offset + io->data.len, .len = io->len - io->data.len,
		.gap = io->gap,
	};
	feed(tls, session, fact, &data, &missing);
}

static void on_loss(struct tls *tls, const struct fact *fact)
{
	const struct fact_loss *loss = &fact->loss;
	struct session *session = fact->conn && loss->has_dir && loss->bytes ?
		map_get(&tls->sessions, fact->conn->id) : NULL;
	struct piece data = { .offset = loss->offset }, missing;
	struct half *d;

	if (!session)
		return;
	d = &session->dirs[loss->dir];
	if (!d->on && !d->over && session->client_known && !session->deaf)
		d->on = d->sure = true; /* the hello may be in it */
	missing = (struct piece){
		.offset = loss->offset, .len = loss->bytes, .gap = "lost: the ring was full",
	};
	feed(tls, session, fact, &data, &missing);
}

/* Keys */

static void kick(struct tls *tls, struct session *session)
{
	session->deaf = false;
	session_pump(tls, session);
	settle(tls, session);
}

static void kick_random(struct tls *tls, const struct secret *secret)
{
	struct list *bucket = session_bucket(tls, secret->random), *after;

	for (struct list *at = bucket->next; at != bucket; at = after) {
		struct session *session = LIST_ITEM(at, struct session, same_random);

		after = at->next;
		if (memcmp(session->hellos.client_random, secret->random, HELLO_RANDOM) == 0)
			kick(tls, session);
	}
}

/* Those that began to wait last come first: a key is made while its connection
 * begins. */
static void kick_waiting(struct tls *tls, bool foreign_only)
{
	struct list *before;
	int kicks = 0;

	for (struct list *at = tls->waiting.prev; at != &tls->waiting; at = before) {
		struct session *session = LIST_ITEM(at, struct session, waiting);

		before = at->prev;
		if (foreign_only && session->has_random && !session->foreign)
			continue;
		if (++kicks > MAX_SECRET_KICKS)
			return;
		kick(tls, session);
	}
}

/* A word of ours, whoever said it. */
static const char *via_of(const char *via)
{
	return via && strcmp(via, "memory") == 0 ? "memory" : "births";
}

static void on_secret(struct tls *tls, const struct fact *fact)
{
	const struct fact_secret *from = &fact->secret;
	struct secret secret = {
		.label = (uint8_t)secrets_label(from->label), .pid = fact->pid,
		.via = via_of(from->via), .len = (uint8_t)from->secret.len,
		.has_random = from->random.len == SECRET_RANDOM,
	};
	const struct secret *added;

	if (!from->secret.len || from->secret.len > SECRET_MAX)
		return;
	memcpy(secret.bytes, from->secret.data, from->secret.len);
	if (secret.has_random)
		memcpy(secret.random, from->random.data, SECRET_RANDOM);
	if (secret.has_random && from->label[0] &&
	    secrets_log(&tls->secrets, from->label, secret.random, from->secret))
		tell_secret(tls, from->label, from->random, from->secret, secret.via, fact);
	added = secrets_add(&tls->secrets, &secret);
	if (!added)
		return;
	if (secret.has_random)
		kick_random(tls, &secret);
	kick_waiting(tls, secret.has_random && secret.label != LABEL_UNKNOWN);
}

/* Ends */

static void on_close(struct tls *tls, const struct fact *fact)
{
	struct session *session = map_get(&tls->sessions, fact->conn->id);

	if (!session || session->closed)
		return;
	session->at_hand = fact->conn;
	session_end(tls, session);
	/* A read of what had arrived may still come. */
	session->closed = true;
	list_remove(&session->lru);
	list_add_front(&tls->closed, &session->lru);
	if (++tls->closed_count > MAX_CLOSED)
		drop(tls, LIST_ITEM(tls->closed.prev, struct session, lru));
	settle(tls, session);
}

static void on_summary(struct tls *tls, const struct fact *fact)
{
	struct fact sums = *fact;

	while (!list_empty(&tls->used)) {
		struct session *session = LIST_ITEM(tls->used.prev, struct session, lru);

		session_end(tls, session);
		drop(tls, session);
	}
	sums.summary.tls = tls->sums;
	pass(tls, &sums);
}

void tls_fact(struct tls *tls, const struct fact *fact)
{
	struct session *session;

	if (!tls->decrypt) {
		pass(tls, fact);
		return;
	}
	if (fact->time > tls->now)
		tls->now = fact->time;
	switch (fact->type) {
	case FACT_IO:
		pass(tls, fact);
		on_io(tls, fact);
		break;
	case FACT_LOSS:
		pass(tls, fact);
		on_loss(tls, fact);
		break;
	case FACT_OPEN:
		pass(tls, fact);
		session = fact->conn ? map_get(&tls->sessions, fact->conn->id) : NULL;
		if (session)
			session_refresh(session, fact->conn);
		break;
	case FACT_CLOSE:
		on_close(tls, fact);
		pass(tls, fact);
		break;
	case FACT_SECRET:
		on_secret(tls, fact);
		break;
	case FACT_SUMMARY:
		on_summary(tls, fact);
		break;
	default:
		pass(tls, fact);
	}
	expire(tls);
}
