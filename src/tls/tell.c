/* Facts of what was found. */
#include <stdlib.h>

#include "tls/names.h"
#include "tls/state.h"

static struct fact fact_of(const struct session *session, enum fact_type type,
			   const struct origin *origin)
{
	return (struct fact){
		.type = type, .time = origin->time, .pid = origin->pid, .tid = origin->tid,
		.comm = origin->comm,
		.conn = session->at_hand ? session->at_hand : &session->conn,
	};
}

static void emit(struct tls *tls, const struct fact *fact)
{
	tls->on_fact(tls->context, fact);
}

void tell_secret(struct tls *tls, const char *label, struct text random, struct text secret,
		 const char *via, const struct fact *like)
{
	struct fact fact = *like;

	fact.type = FACT_SECRET;
	fact.secret = (struct fact_secret){ label, random, secret, via };
	emit(tls, &fact);
}

void tell_data(struct tls *tls, struct session *session, int dir, struct text data,
	       const struct origin *origin)
{
	struct half *d = &session->dirs[dir];
	struct fact fact = fact_of(session, FACT_PLAINTEXT, origin);

	fact.plaintext = (struct fact_plaintext){
		.dir = (uint8_t)dir, .offset = d->offset, .len = data.len, .data = data,
		.via = d->via,
	};
	d->offset += data.len;
	tls->sums.bytes[dir] += data.len;
	emit(tls, &fact);
}

void tell_gap(struct tls *tls, struct session *session, int dir, uint64_t len, const char *why,
	      const struct origin *origin)
{
	struct half *d = &session->dirs[dir];
	struct fact fact = fact_of(session, FACT_PLAINTEXT, origin);

	fact.plaintext = (struct fact_plaintext){
		.dir = (uint8_t)dir, .offset = d->offset, .len = len, .gap = why, .via = d->via,
	};
	d->offset += len;
	tls->sums.missing[dir] += len;
	emit(tls, &fact);
}

/* What is true of the session whatever the moment. */
static struct fact_tls common(const struct session *session, enum tls_moment moment)
{
	return (struct fact_tls){
		.moment = moment,
		.client_dir = session->client, .client_dir_known = session->client_known,
		.version = session->version ? names_version(session->version) : NULL,
		.cipher = session->cipher ? names_cipher(session->cipher) : NULL,
		.resumed = session->resumed, .early_data = session->early_accepted,
		.duration = -1, .via = session->via,
	};
}

void tell_handshake(struct tls *tls, struct session *session, const struct origin *origin)
{
	struct handshake *handshake = session->handshake;
	struct fact fact = fact_of(session, FACT_TLS, origin);

	if (session->told || !handshake)
		return;
	session->told = true;
	fact.tls = common(session, TLS_HANDSHAKE);
	fact.tls.sni = handshake->client.sni;
	fact.tls.alpn = handshake->alpn;
	fact.tls.hello_retry = handshake->retried;
	fact.tls.certs = handshake->certs.certs;
	fact.tls.cert_count = handshake->certs.count;
	fact.tls.client_certs = handshake->client_certs.certs;
	fact.tls.client_cert_count = handshake->client_certs.count;
	fact.tls.error = (struct text){ handshake->error.data, handshake->error.len };
	if (session->dirs[0].finished && session->dirs[1].finished &&
	    origin->time >= handshake->began && handshake->client_body)
		fact.tls.duration = (int64_t)(origin->time - handshake->began);
	tls->sums.handshakes++;
	emit(tls, &fact);
	handshake_free(handshake);
	session->handshake = NULL;
}

void tell_alert(struct tls *tls, struct session *session, struct text error,
		const struct origin *origin)
{
	struct fact fact = fact_of(session, FACT_TLS, origin);

	fact.tls = common(session, TLS_ALERT);
	fact.tls.error = error;
	emit(tls, &fact);
}

void tell_unseen(struct tls *tls, struct session *session, const char *why,
		 const struct origin *origin)
{
	struct fact fact = fact_of(session, FACT_TLS, origin);

	if (session->told_unseen)
		return;
	session->told_unseen = true;
	tls->sums.unseen++;
	fact.tls = common(session, TLS_UNSEEN);
	if (session->handshake)
		fact.tls.sni = session->handshake->client.sni;
	fact.tls.error = text_of(why);
	emit(tls, &fact);
}
