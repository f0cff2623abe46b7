/* Keys of TLS 1.0 to 1.2: a master secret for both directions, which a resumed
 * session has from an earlier one. */
#include "tls/unlock.h"

#include "limits.h"

/* As the direction's change of cipher found them. */
static struct record_hellos *hellos_of(const struct attempt *attempt)
{
	struct half *d = half_of(attempt);

	return d->epoch == EPOCH_DATA ? &d->hellos : &attempt->session->hellos;
}

static void prove_master(struct attempt *attempt, const uint8_t *master, const char *via)
{
	struct session *session = attempt->session;
	struct secrets *secrets = &attempt->tls->secrets;

	if (session->has_master)
		return;
	memcpy(session->master, master, MASTER_LEN);
	session->has_master = true;
	if (session->handshake) {
		secrets_keep(secrets, session->handshake->session, master, via);
		secrets_keep(secrets, session->handshake->ticket, master, via);
	}
}

static bool try_master(struct attempt *attempt, const uint8_t *master, const uint8_t *random,
		       const char *via)
{
	struct record_hellos hellos = *hellos_of(attempt);
	struct text bytes = { (const char *)master, MASTER_LEN };
	struct record_key *key;

	if (!hellos.suite)
		return false;
	memcpy(hellos.client_random, random, HELLO_RANDOM);
	key = record_key12(&attempt->tls->keys, &hellos, bytes,
			   is_client(attempt->session, attempt->dir));
	if (!key || !unlock_opens(attempt, key)) {
		record_key_free(key);
		return false;
	}
	unlock_install(attempt, key, EPOCH_DATA, via);
	half_of(attempt)->hellos = hellos;
	prove_master(attempt, master, via);
	return true;
}

static bool try_loose(struct attempt *attempt, struct secret *secret, enum epoch epoch)
{
	(void)epoch;
	if (secret->label != LABEL_MASTER || secret->has_random || !attempt->session->has_random ||
	    !try_master(attempt, secret->bytes, hellos_of(attempt)->client_random, secret->via))
		return false;
	unlock_name(attempt, secret, LABEL_MASTER);
	return true;
}

/* Of an earlier connection that this one resumes. */
static bool try_other(struct attempt *attempt, struct secret *secret, enum epoch epoch)
{
	(void)epoch;
	return try_master(attempt, secret->bytes, hellos_of(attempt)->client_random, secret->via);
}

/* The client's hello was not seen: its random came with the secret. */
static bool try_foreign(struct attempt *attempt, struct secret *secret, enum epoch epoch)
{
	(void)epoch;
	if (!try_master(attempt, secret->bytes, secret->random, secret->via))
		return false;
	session_random(attempt->tls, attempt->session, secret->random);
	return true;
}

static bool is_abbreviated(const struct session *session)
{
	return session->resumed != 0 && session->handshake && !session->handshake->full;
}

/* What the client offered to resume. */
static bool try_resumed(struct attempt *attempt)
{
	const struct secrets *secrets = &attempt->tls->secrets;
	const struct handshake *handshake = attempt->session->handshake;
	struct text ids[] = { handshake->client.ticket, handshake->session };

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		const char *via;
		const uint8_t *master = secrets_resume(secrets, ids[i], &via);
		uint8_t copy[MASTER_LEN];

		if (!master)
			continue;
		memcpy(copy, master, MASTER_LEN); /* success keeps it anew */
		if (try_master(attempt, copy, hellos_of(attempt)->client_random, via))
			return true;
	}
	return false;
}

/* Where no master secret came with this client's random. */
static bool try_unnamed(struct attempt *attempt)
{
	struct secrets *secrets = &attempt->tls->secrets;
	const struct session *session = attempt->session;

	if (unlock_list(attempt, &secrets->loose, EPOCH_DATA, try_loose))
		return true;
	if (!session->has_random)
		return unlock_list(attempt, &secrets->masters, EPOCH_DATA, try_foreign);
	if (!is_abbreviated(session))
		return false;
	return try_resumed(attempt) ||
	       unlock_list(attempt, &secrets->masters, EPOCH_DATA, try_other);
}

enum fate unlock_find12(struct attempt *attempt)
{
	const struct session *session = attempt->session;
	const struct secrets *secrets = &attempt->tls->secrets;
	const uint8_t *random = hellos_of(attempt)->client_random;
	const struct secret *secret = NULL;
	bool any = session->has_master;
	uint8_t master[MASTER_LEN];

	if (session->has_master) {
		memcpy(master, session->master, MASTER_LEN);
		if (try_master(attempt, master, random, session->via))
			return FATE_OPENED;
	}
	while (session->has_random &&
	       (secret = secrets_find(secrets, secret, LABEL_MASTER, random))) {
		any = true;
		if (try_master(attempt, secret->bytes, random, secret->via))
			return FATE_OPENED;
	}
	if (any)
		return FATE_FAILED;
	if (try_unnamed(attempt))
		return FATE_OPENED;
	if (!attempt->search)
		half_of(attempt)->tried = secrets->serial;
	return FATE_KEY;
}
