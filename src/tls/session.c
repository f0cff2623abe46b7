/* A TLS connection: both directions' records, in order, as far as they can be
 * taken. What a direction cannot take yet stays in its stream: the server's hello
 * or its own key is missing, and comes with another fact. */
#include <stdlib.h>

#include "limits.h"
#include "tls/names.h"
#include "tls/state.h"

#define WHY_FAILED "a record failed its check"
#define WHY_BROKEN "no record where one should begin"
#define WHY_CUT "a record was never whole"
#define WHY_NO_KEY "no key came"
#define CLOSING_ALERT 2

static int copy_conn(struct session *session, const struct conn *conn)
{
	char *texts = malloc(conn->local.len + conn->remote.len + 1);

	if (!texts)
		return -1;
	if (conn->local.len)
		memcpy(texts, conn->local.data, conn->local.len);
	if (conn->remote.len)
		memcpy(texts + conn->local.len, conn->remote.data, conn->remote.len);
	free(session->conn_texts);
	session->conn_texts = texts;
	session->conn = *conn;
	session->conn.local.data = texts;
	session->conn.remote.data = texts + conn->local.len;
	return 0;
}

struct session *session_new(const struct conn *conn)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session || copy_conn(session, conn)) {
		free(session);
		return NULL;
	}
	list_init(&session->lru);
	list_init(&session->waiting);
	list_init(&session->same_random);
	for (int dir = 0; dir < 2; dir++)
		stream_init(&session->dirs[dir].stream);
	session->resumed = -1;
	return session;
}

void session_refresh(struct session *session, const struct conn *conn)
{
	copy_conn(session, conn);
}

void session_free(struct tls *tls, struct session *session)
{
	list_remove(&session->lru);
	list_remove(&session->waiting);
	list_remove(&session->same_random);
	tls->held -= session->held;
	for (int dir = 0; dir < 2; dir++) {
		struct half *d = &session->dirs[dir];

		stream_free(&d->stream);
		record_key_free(d->key);
		buf_free(&d->messages);
	}
	handshake_free(session->handshake);
	free(session->conn_texts);
	OPENSSL_cleanse(session, sizeof(*session));
	free(session);
}

void session_epoch(struct session *session, int dir, enum epoch epoch)
{
	struct half *d = &session->dirs[dir];

	record_key_free(d->key);
	d->key = NULL;
	d->epoch = (uint8_t)epoch;
	d->sequence = 0;
	d->tried = 0;
	d->update = false;
	buf_free(&d->messages);
}

void session_random(struct tls *tls, struct session *session, const uint8_t *random)
{
	list_remove(&session->same_random);
	session->has_random = true;
	memcpy(session->hellos.client_random, random, HELLO_RANDOM);
	for (int dir = 0; dir < 2; dir++)
		if (!session->dirs[dir].key)
			memcpy(session->dirs[dir].hellos.client_random, random, HELLO_RANDOM);
	list_add_front(session_bucket(tls, random), &session->same_random);
}

/* Records */

static struct text body_of(const struct stream_record *record)
{
	return (struct text){ (const char *)record->data + RECORD_HEAD, record->len - RECORD_HEAD };
}

/* The direction's next records are under what both hellos agreed on. */
static enum fate change_cipher(struct session *session, int dir)
{
	struct half *d = &session->dirs[dir];

	if (!session->has_server)
		return FATE_HELLO;
	if (session->resumed < 0)
		session->resumed = !(session->handshake && session->handshake->full);
	session_epoch(session, dir, EPOCH_DATA);
	d->hellos = session->hellos;
	return FATE_SKIPPED;
}

/* What is in a record, once it can be read. */
static enum fate take_content(struct tls *tls, struct session *session, int dir,
			      const struct record_opened *opened, const struct origin *origin)
{
	struct half *d = &session->dirs[dir];
	struct text content = { (const char *)opened->data, opened->len };

	switch (opened->type) {
	case RECORD_DATA:
		if (d->epoch == EPOCH_DATA && !d->finished) { /* a gap has swallowed it */
			d->finished = true;
			if (session->dirs[!dir].finished)
				tell_handshake(tls, session, origin);
		}
		if (content.len)
			tell_data(tls, session, dir, content, origin);
		break;
	case RECORD_HANDSHAKE:
		handshake_bytes(tls, session, dir, content, origin);
		break;
	case RECORD_ALERT:
		handshake_alert(tls, session, dir, content, origin);
		break;
	case RECORD_CHANGE:
		if (!is_tls13(session))
			return change_cipher(session, dir);
		break;
	}
	return FATE_OPENED;
}

static enum fate take_plain(struct tls *tls, struct session *session, int dir,
			    const struct stream_record *record)
{
	struct text body = body_of(record);
	struct record_opened opened = { record->data[0], (const uint8_t *)body.data, body.len };

	return take_content(tls, session, dir, &opened, record->origin);
}

static enum fate take_opened(struct tls *tls, struct session *session, int dir,
			     const struct stream_record *record, const struct record_opened *opened)
{
	struct half *d = &session->dirs[dir];
	enum fate fate;

	tls->sums.records++;
	d->usual = record->len;
	d->failures = 0;
	fate = take_content(tls, session, dir, opened, record->origin);
	if (d->update && d->key)
		unlock_update(tls, session, dir);
	d->update = false;
	/* It is opened, and must not be again. */
	return fate == FATE_HELLO ? FATE_OPENED : fate;
}

static enum fate take_sealed(struct tls *tls, struct session *session, int dir,
			     const struct stream_record *record)
{
	struct record_opened opened;
	enum fate fate;

	session->dirs[dir].sealed = true;
	fate = unlock(tls, session, dir, record, &opened);
	if (fate != FATE_OPENED)
		return fate;
	return take_opened(tls, session, dir, record, &opened);
}

/* The labels of the client's secrets tell the version, if no server hello does. */
static bool infer_version(const struct tls *tls, struct session *session, int dir)
{
	const struct secrets *secrets = &tls->secrets;

	if (session->version || !session->has_random ||
	    (!session->blind && !session->dirs[!dir].lost && !session->dirs[dir].lost))
		return false;
	for (int label = LABEL_CLIENT_HANDSHAKE; label <= LABEL_SERVER_DATA; label++)
		if (secrets_find(secrets, NULL, label, session->hellos.client_random))
			session->version = TLS_1_3;
	return session->version;
}

static enum fate take_first(struct tls *tls, struct session *session, int dir,
			    const struct stream_record *record)
{
	uint8_t type = record->data[0];
	struct half *d = &session->dirs[dir];

	if (type != RECORD_HANDSHAKE && type != RECORD_ALERT)
		return FATE_HELLO;
	if (type == RECORD_ALERT && record->len == RECORD_HEAD + 2 && session->client_known)
		d->sure = true;
	return take_plain(tls, session, dir, record);
}

static enum fate take13(struct tls *tls, struct session *session, int dir,
			const struct stream_record *record)
{
	struct half *d = &session->dirs[dir];

	switch (record->data[0]) {
	case RECORD_CHANGE:        /* says nothing (RFC 8446, D.4) */
		return FATE_SKIPPED;
	case RECORD_HANDSHAKE:
	case RECORD_ALERT:
		return d->key ? FATE_FAILED : take_plain(tls, session, dir, record);
	case RECORD_DATA:
		if (d->epoch != EPOCH_PLAIN)
			return take_sealed(tls, session, dir, record);
		/* Early data, and the server asked for another hello instead. */
		if (!session->has_server && session->handshake && session->handshake->retried)
			return is_client(session, dir) ? FATE_SKIPPED : FATE_HELLO;
		session_epoch(session, dir, EPOCH_HANDSHAKE);
		return take_sealed(tls, session, dir, record);
	default:
		return FATE_FAILED;
	}
}

static enum fate take12(struct tls *tls, struct session *session, int dir,
			const struct stream_record *record)
{
	if (session->dirs[dir].epoch != EPOCH_PLAIN)
		return take_sealed(tls, session, dir, record);
	return record->data[0] == RECORD_DATA ? FATE_FAILED :
						take_plain(tls, session, dir, record);
}

/* Behind a gap in what is not encrypted: what can be told from anything else. */
static bool is_landmark(const struct session *session, int dir, const struct stream_record *record)
{
	if (session->dirs[dir].epoch != EPOCH_PLAIN)
		return false;
	if (record->data[0] == RECORD_CHANGE)
		return record->len == RECORD_HEAD + 1 && record->data[RECORD_HEAD] == 1 &&
		       session->version && !is_tls13(session);
	return record->data[0] == RECORD_HANDSHAKE &&
	       ((!is_server(session, dir) && handshake_is_hello(record, HELLO_CLIENT)) ||
		(!is_client(session, dir) && handshake_is_hello(record, HELLO_SERVER)));
}

static enum fate take_lost(struct tls *tls, struct session *session, int dir,
			   const struct stream_record *record)
{
	struct half *d = &session->dirs[dir];
	struct record_opened opened;
	uint64_t missing;
	enum fate fate;

	if (is_landmark(session, dir, record)) {
		fate = take_plain(tls, session, dir, record);
		if (fate != FATE_HELLO)
			d->lost = d->stream.searching = false;
		return fate;
	}
	if (!session->version && !infer_version(tls, session, dir))
		return FATE_KEY;
	if (is_tls13(session) && record->data[0] != RECORD_DATA)
		return FATE_FAILED;
	d->sealed = true;
	fate = unlock_lost(tls, session, dir, record, &opened, &missing);
	if (fate != FATE_OPENED)
		return fate;
	d->lost = d->stream.searching = false;
	if (missing)
		tell_gap(tls, session, dir, missing, d->lost_why, record->origin);
	return take_opened(tls, session, dir, record, &opened);
}

static enum fate take_record(struct tls *tls, struct session *session, int dir,
			     const struct stream_record *record)
{
	if (session->dirs[dir].lost)
		return take_lost(tls, session, dir, record);
	if (!session->version && !infer_version(tls, session, dir))
		return take_first(tls, session, dir, record);
	return is_tls13(session) ? take13(tls, session, dir, record) :
				   take12(tls, session, dir, record);
}

/* Streams */

static void lose(struct half *d, const char *why)
{
	if (d->lost)
		return;
	d->lost = true;
	d->lost_why = why;
	d->lost_from = stream_at(&d->stream);
	buf_free(&d->messages);
}

/* It did not begin as TLS does. */
static void retract(struct session *session, int dir)
{
	struct half *d = &session->dirs[dir];

	if (is_server(session, dir))
		session->not_tls = true;
	else
		session->mistaken = true;
	d->on = d->lost = false;
	d->lost_why = NULL;
	buf_free(&d->messages);
	stream_clear(&d->stream);
	d->stream.searching = false;
}

static void on_gap(struct session *session, int dir)
{
	struct half *d = &session->dirs[dir];
	const char *why;

	lose(d, NULL);
	why = stream_skip(&d->stream);
	if (!d->lost_why)
		d->lost_why = why;
	if (!d->sure)
		retract(session, dir);
}

static void on_broken(struct session *session, int dir)
{
	struct half *d = &session->dirs[dir];

	if (!d->sure) {
		retract(session, dir);
		return;
	}
	if (d->over) {
		stream_clear(&d->stream);
		d->on = false;
		return;
	}
	lose(d, WHY_BROKEN);
	stream_reject(&d->stream);
}

/* One record alone may be damaged: then the next is where it should be. */
static void on_failed(struct tls *tls, struct session *session, int dir,
		      const struct stream_record *record)
{
	struct half *d = &session->dirs[dir];

	if (!d->lost) {
		tls->sums.failed++;
		lose(d, WHY_FAILED);
		stream_take(&d->stream, record);
	} else {
		stream_reject(&d->stream);
	}
	if (++d->failures > MAX_SEARCH_FAILURES)
		session_give_up(tls, session, "its records cannot be found any more");
}

/* False: the direction has to wait. */
static bool step(struct tls *tls, struct session *session, int dir,
		 const struct stream_record *record)
{
	struct half *d = &session->dirs[dir];

	switch (take_record(tls, session, dir, record)) {
	case FATE_HELLO:
		d->wait = WAIT_HELLO;
		return false;
	case FATE_KEY:
		d->wait = WAIT_KEY;
		return false;
	case FATE_FAILED:
		on_failed(tls, session, dir, record);
		return true;
	default:
		stream_take(&d->stream, record);
	}
	if (!d->sure && !d->messages.len)
		retract(session, dir);
	return true;
}

/* Whether anything was taken. */
static bool pump(struct tls *tls, struct session *session, int dir)
{
	struct half *d = &session->dirs[dir];
	struct stream_record record;
	bool moved = false;

	d->wait = WAIT_NONE;
	while (d->on && !session->deaf && !session->mistaken) {
		switch (stream_peek(&d->stream, &record)) {
		case STREAM_GAP:
			on_gap(session, dir);
			break;
		case STREAM_BROKEN:
			on_broken(session, dir);
			break;
		case STREAM_RECORD:
			if (!step(tls, session, dir, &record))
				return moved;
			moved = true;
			break;
		default:
			return moved;
		}
	}
	return moved;
}

void session_pump(struct tls *tls, struct session *session)
{
	bool moved;

	/* What one direction has taken may be what the other waits for. */
	do {
		moved = pump(tls, session, 0);
		moved |= pump(tls, session, 1);
	} while (moved && (session->dirs[0].wait || session->dirs[1].wait));
}

/* Endings */

static const struct origin *last_origin(const struct session *session)
{
	const struct origin *a = &session->dirs[0].stream.origin;
	const struct origin *b = &session->dirs[1].stream.origin;

	return a->time > b->time ? a : b;
}

/* Why what is here could not be opened. */
static void say_why(const struct session *session, struct buf *text)
{
	const char *name = names_cipher(session->cipher);

	if (session->joined)
		buf_string(text, "it was up before glasstap attached; its keys are not known");
	else if (!session->version)
		buf_string(text, "its server hello was not seen");
	else if (session->version < TLS_1_0)
		buf_string(text, "SSL 3.0 is not known here");
	else if (session->has_server && !session->hellos.suite && name)
		buf_printf(text, "the suite %s is not known here", name);
	else if (session->has_server && !session->hellos.suite)
		buf_printf(text, "the suite 0x%04x is not known here", session->cipher);
	else if (session->again && !session->has_master)
		buf_string(text, "it was renegotiated, and no key came for that");
	else
		buf_string(text, WHY_NO_KEY);
}

/* Takes what waits off the stream, without a look inside. Whether there was
 * application data, as far as one can see that from outside. */
static bool drain(struct tls *tls, struct session *session, int dir)
{
	struct half *d = &session->dirs[dir];
	struct stream_record record;
	enum stream_state state;
	bool data = false;

	lose(d, WHY_NO_KEY);
	tls->sums.dropped += stream_end(&d->stream) - stream_at(&d->stream);
	d->stream.impatient = true;
	while ((state = stream_peek(&d->stream, &record)) != STREAM_MORE) {
		if (state == STREAM_GAP) {
			stream_skip(&d->stream);
		} else if (state == STREAM_RECORD) {
			data |= record.data[0] == RECORD_DATA;
			stream_take(&d->stream, &record);
		} else {
			break;
		}
	}
	stream_clear(&d->stream);
	d->wait = WAIT_NONE;
	return data;
}

/* What is left in a direction that has its keys: the beginning of a record, or
 * what came behind a gap without a record in it. Its plaintext is as long as if it
 * were records such as the last one. */
static void tell_rest(struct tls *tls, struct session *session, int dir)
{
	struct half *d = &session->dirs[dir];
	uint64_t end = stream_end(&d->stream), bytes, around;

	if (!d->lost && end == stream_at(&d->stream))
		return;
	lose(d, WHY_CUT);
	bytes = end - d->lost_from;
	stream_clear(&d->stream);
	d->lost_from = end;
	if (!d->key || d->epoch != EPOCH_DATA || !d->usual)
		return;
	around = (bytes + d->usual - 1) / d->usual * record_overhead(d->key);
	if (!d->over) /* then that is among them, most likely */
		around += record_overhead(d->key) + CLOSING_ALERT;
	if (bytes > around)
		tell_gap(tls, session, dir, bytes - around, d->lost_why, &d->stream.origin);
}

static void tell_unopened(struct tls *tls, struct session *session, bool data)
{
	const struct origin *origin = last_origin(session);
	struct buf why = { 0 };

	tell_handshake(tls, session, origin);
	say_why(session, &why);
	buf_char(&why, '\0');
	if (data && !why.failed)
		tell_unseen(tls, session, why.data, origin);
	buf_free(&why);
}

/* Why a handshake that is not over is none; nothing if it may well be one, behind
 * encryption. */
static void say_unfinished(struct session *session)
{
	const struct half *dirs = session->dirs;
	struct handshake *handshake = session->handshake;

	if (!handshake || handshake->error.len || dirs[0].lost || dirs[1].lost)
		return;
	if (session->again) {
		buf_string(&handshake->error, "a second handshake did not come to its end");
		return;
	}
	if (dirs[0].sealed && dirs[1].sealed)
		return;
	buf_string(&handshake->error, session->not_tls ? "the answer is not TLS" :
		   "the connection ended before the handshake did");
}

/* What looks like the beginning of a record, but its end will not come, may hide
 * one that is whole. */
static void look_behind(struct tls *tls, struct session *session, int dir)
{
	struct half *d = &session->dirs[dir];

	while (d->on && d->lost && !d->wait && !session->deaf &&
	       stream_at(&d->stream) < stream_end(&d->stream)) {
		stream_reject(&d->stream);
		pump(tls, session, dir);
	}
}

void session_end(struct tls *tls, struct session *session)
{
	bool waits = false, data = false;

	session->blind = true;
	for (int dir = 0; dir < 2; dir++)
		session->dirs[dir].stream.impatient = true;
	session_pump(tls, session);
	look_behind(tls, session, 0);
	look_behind(tls, session, 1);
	if (session->deaf || session->mistaken)
		return;
	for (int dir = 0; dir < 2; dir++) {
		if (!session->dirs[dir].on)
			continue;
		if (session->dirs[dir].wait) {
			waits = true;
			data |= drain(tls, session, dir);
		} else {
			tell_rest(tls, session, dir);
		}
	}
	if (waits) {
		tell_unopened(tls, session, data);
		return;
	}
	say_unfinished(session);
	tell_handshake(tls, session, last_origin(session));
}

void session_give_up(struct tls *tls, struct session *session, const char *why)
{
	bool data = false;

	session->deaf = true;
	for (int dir = 0; dir < 2; dir++)
		if (session->dirs[dir].on)
			data |= drain(tls, session, dir);
	list_remove(&session->waiting);
	if (!why) {
		tell_unopened(tls, session, data);
		return;
	}
	tell_handshake(tls, session, last_origin(session));
	tell_unseen(tls, session, why, last_origin(session));
}
