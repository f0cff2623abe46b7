/* Handshake messages, in the clear or opened: what they say about the session. */
#include <stdlib.h>

#include "tls/names.h"
#include "tls/state.h"

#define ALERT_CLOSE 0
#define ALERT_CANCELED 90
#define ALERT_FATAL 2

struct handshake *handshake_of(struct session *session)
{
	if (!session->handshake)
		session->handshake = calloc(1, sizeof(*session->handshake));
	return session->handshake;
}

static void replace(struct text *own, struct text by)
{
	char *data = by.len ? malloc(by.len) : NULL;

	free((char *)own->data);
	if (data)
		memcpy(data, by.data, by.len);
	*own = (struct text){ data, data ? by.len : 0 };
}

void handshake_free(struct handshake *handshake)
{
	if (!handshake)
		return;
	free(handshake->client_body);
	free((char *)handshake->session.data);
	free((char *)handshake->ticket.data);
	free((char *)handshake->alpn.data);
	cert_free(&handshake->certs);
	cert_free(&handshake->client_certs);
	buf_free(&handshake->error);
	free(handshake);
}

/* A second handshake begins in an open connection (TLS 1.2): its keys will be
 * others, and those of the first hold until each side says so. */
static void begin_again(struct session *session)
{
	handshake_free(session->handshake);
	session->handshake = NULL;
	session->told = false;
	session->again = true;
	session->has_server = session->has_master = session->early_accepted = false;
	session->resumed = -1;
	session->dirs[0].finished = session->dirs[1].finished = false;
}

static void on_client(struct tls *tls, struct session *session, int dir,
		      const struct hello_message *message, const struct origin *origin)
{
	struct half *d = &session->dirs[dir];
	struct handshake *handshake;
	struct hello_client client;
	bool known;
	char *body;

	if (is_server(session, dir) || hello_client(message->body, &client))
		return;
	known = session->told || (session->handshake && session->handshake->client_body);
	if (session->has_server && known && is_tls13(session))
		return;
	if (session->has_server && known)
		begin_again(session);
	handshake = handshake_of(session);
	body = malloc(message->body.len);
	if (!handshake || !body) {
		free(body);
		return;
	}
	if (!handshake->client_body)
		handshake->began = origin->time;
	free(handshake->client_body);
	handshake->client_body = memcpy(body, message->body.data, message->body.len);
	hello_client((struct text){ body, message->body.len }, &handshake->client);
	session->client_known = true;
	session->client = (uint8_t)dir;
	session->foreign = handshake->client.ech;
	session_random(tls, session, handshake->client.random);
	d->sure = true;
	if (handshake->client.early_data && !handshake->retried && d->epoch == EPOCH_PLAIN)
		session_epoch(session, dir, EPOCH_EARLY);
}

static void set_resumed(struct session *session, const struct hello_server *server)
{
	const struct handshake *handshake = session->handshake;

	session->resumed = handshake->client_body ?
		hello_resumed(&handshake->client, server) : server->psk ? 1 : -1;
}

/* From here on TLS 1.3 is encrypted, in both directions. */
static void begin_tls13(struct session *session, int dir)
{
	session_epoch(session, dir, EPOCH_HANDSHAKE);
	if (session->dirs[!dir].epoch == EPOCH_PLAIN)
		session_epoch(session, !dir, EPOCH_HANDSHAKE);
}

static void on_server(struct session *session, int dir, const struct hello_message *message)
{
	struct handshake *handshake;
	struct hello_server server;

	if (is_client(session, dir) || session->has_server || hello_server(message->body, &server))
		return;
	handshake = handshake_of(session);
	if (!handshake)
		return;
	session->client_known = true;
	session->client = (uint8_t)!dir;
	session->dirs[dir].sure = true;
	session->version = server.version;
	if (server.retry) {
		handshake->retried = true;
		if (session->dirs[!dir].epoch == EPOCH_EARLY)
			session_epoch(session, !dir, EPOCH_PLAIN);
		return;
	}
	session->cipher = server.cipher;
	session->has_server = true;
	session->hellos.suite = suite_find(server.cipher);
	if (session->hellos.suite && (session->hellos.suite->tls13 != is_tls13(session) ||
				      server.version < TLS_1_0))
		session->hellos.suite = NULL;
	session->hellos.version = server.version;
	session->hellos.encrypt_then_mac = server.encrypt_then_mac;
	memcpy(session->hellos.server_random, server.random, HELLO_RANDOM);
	replace(&handshake->session, server.session);
	if (server.alpn.len)
		replace(&handshake->alpn, server.alpn);
	set_resumed(session, &server);
	if (is_tls13(session))
		begin_tls13(session, dir);
}

static void on_extensions(struct session *session, int dir, struct text body)
{
	struct hello_extensions extensions;

	if (!is_server(session, dir) || hello_extensions(body, &extensions))
		return;
	session->has_extensions = true;
	session->early_accepted = extensions.early_data;
	if (session->handshake && extensions.alpn.len)
		replace(&session->handshake->alpn, extensions.alpn);
}

static void take_certificates(struct session *session, int dir, struct text body)
{
	struct handshake *handshake = session->handshake;
	struct cert_chain *chain = is_client(session, dir) ? &handshake->client_certs :
							     &handshake->certs;
	struct hello_certificates certificates;
	struct text der;

	if (hello_certificates(body, session->version, &certificates))
		return;
	cert_free(chain);
	while (hello_certificate_next(&certificates, &der))
		cert_add(chain, der);
}

static void on_compressed(struct session *session, int dir, struct text body)
{
	struct hello_compressed compressed;
	char *plain;

	if (hello_compressed(body, &compressed))
		return;
	plain = malloc(compressed.len ? compressed.len : 1);
	if (plain && hello_decompress(&compressed, plain) == 0)
		take_certificates(session, dir, (struct text){ plain, compressed.len });
	free(plain);
}

static void on_certificate(struct session *session, int dir, const struct hello_message *message)
{
	if (session->told || !handshake_of(session))
		return;
	session->handshake->full = true;
	if (message->type == HELLO_CERTIFICATE)
		take_certificates(session, dir, message->body);
	else
		on_compressed(session, dir, message->body);
}

static void on_ticket(struct tls *tls, struct session *session, int dir, struct text body)
{
	struct hello_ticket ticket;

	if (is_tls13(session) || is_client(session, dir) || !session->handshake ||
	    hello_ticket(body, session->version, &ticket))
		return;
	replace(&session->handshake->ticket, ticket.ticket);
	if (session->has_master)
		secrets_keep(&tls->secrets, ticket.ticket, session->master, session->via);
}

static void on_finished(struct tls *tls, struct session *session, int dir,
			const struct origin *origin)
{
	struct half *d = &session->dirs[dir];

	d->finished = true;
	if (is_tls13(session) && d->epoch < EPOCH_DATA)
		session_epoch(session, dir, EPOCH_DATA);
	if (session->dirs[!dir].finished)
		tell_handshake(tls, session, origin);
}

static void on_message(struct tls *tls, struct session *session, int dir,
		       const struct hello_message *message, const struct origin *origin)
{
	struct half *d = &session->dirs[dir];

	switch (message->type) {
	case HELLO_CLIENT:
		on_client(tls, session, dir, message, origin);
		break;
	case HELLO_SERVER:
		on_server(session, dir, message);
		break;
	case HELLO_EXTENSIONS:
		on_extensions(session, dir, message->body);
		break;
	case HELLO_CERTIFICATE:
	case HELLO_COMPRESSED:
		on_certificate(session, dir, message);
		break;
	case HELLO_KEY_EXCHANGE:
	case HELLO_DONE:
		if (session->handshake)
			session->handshake->full = true;
		break;
	case HELLO_TICKET:
		on_ticket(tls, session, dir, message->body);
		break;
	case HELLO_END_OF_EARLY_DATA:
		if (d->epoch == EPOCH_EARLY)
			session_epoch(session, dir, EPOCH_HANDSHAKE);
		break;
	case HELLO_FINISHED:
		on_finished(tls, session, dir, origin);
		break;
	case HELLO_KEY_UPDATE:
		d->update = is_tls13(session) && d->epoch == EPOCH_DATA;
		break;
	}
}

/* Messages do not span a change of keys (RFC 8446, 5.1): what is left of one when
 * the epoch changes is dropped there. */
void handshake_bytes(struct tls *tls, struct session *session, int dir, struct text bytes,
		     const struct origin *origin)
{
	struct half *d = &session->dirs[dir];
	struct hello_message message;
	struct text from = bytes;
	bool kept = d->messages.len > 0;
	int got;

	if (kept) {
		buf_text(&d->messages, bytes);
		from = (struct text){ d->messages.data, d->messages.len };
	}
	if (d->messages.failed)
		goto drop;
	while ((got = hello_next(&from, &message)) > 0) {
		/* Its bytes may be those of d->messages, which the epoch must not free. */
		struct buf held = d->messages;

		d->messages = (struct buf){ 0 };
		on_message(tls, session, dir, &message, origin);
		d->messages = held;
	}
	if (got < 0)
		goto drop;
	if (!from.len) {
		buf_free(&d->messages);
	} else if (kept) {
		memmove(d->messages.data, from.data, from.len);
		d->messages.len = from.len;
	} else {
		buf_text(&d->messages, from);
	}
	return;
drop:
	buf_free(&d->messages);
}

bool handshake_is_hello(const struct stream_record *record, uint8_t type)
{
	struct text bytes = { (const char *)record->data + RECORD_HEAD, record->len - RECORD_HEAD };
	struct hello_message message;
	struct hello_client client;
	struct hello_server server;

	if (hello_next(&bytes, &message) <= 0 || message.type != type)
		return false;
	return type == HELLO_CLIENT ? hello_client(message.body, &client) == 0 :
				      hello_server(message.body, &server) == 0;
}

static void say_alert(const struct session *session, int dir, uint8_t description, struct buf *text)
{
	const char *meaning = names_alert(description), *who = "other side";

	if (session->client_known)
		who = is_client(session, dir) ? "client" : "server";
	if (meaning)
		buf_string(text, meaning);
	else
		buf_printf(text, "alert %u", description);
	buf_printf(text, ", says the %s", who);
}

void handshake_alert(struct tls *tls, struct session *session, int dir, struct text alert,
		     const struct origin *origin)
{
	struct half *d = &session->dirs[dir];
	struct buf text = { 0 };
	uint8_t level, description;

	if (alert.len != 2)
		return;
	level = (uint8_t)alert.data[0];
	description = (uint8_t)alert.data[1];
	d->over |= description == ALERT_CLOSE;
	/* In TLS 1.3 the level says nothing (RFC 8446, 6). */
	if (description == ALERT_CLOSE || description == ALERT_CANCELED ||
	    (level != ALERT_FATAL && !is_tls13(session)) || d->alerted)
		return;
	d->alerted = true;
	say_alert(session, dir, description, &text);
	if (session->told || !handshake_of(session)) {
		tell_alert(tls, session, (struct text){ text.data, text.len }, origin);
		buf_free(&text);
		return;
	}
	buf_free(&session->handshake->error);
	session->handshake->error = text;
	tell_handshake(tls, session, origin);
}
