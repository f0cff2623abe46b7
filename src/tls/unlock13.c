/* Keys of TLS 1.3: a secret for each direction and epoch. */
#include "tls/unlock.h"

#include <errno.h>

#include "limits.h"

#define EARLY_MAX 4096         /* records of early data that a server may have thrown away */

static enum secret_label label_of(const struct attempt *attempt, enum epoch epoch)
{
	static const uint8_t labels[2][EPOCH_DATA + 1] = {
		{ [EPOCH_HANDSHAKE] = LABEL_SERVER_HANDSHAKE, [EPOCH_DATA] = LABEL_SERVER_DATA },
		{ [EPOCH_EARLY] = LABEL_CLIENT_EARLY, [EPOCH_HANDSHAKE] = LABEL_CLIENT_HANDSHAKE,
		  [EPOCH_DATA] = LABEL_CLIENT_DATA },
	};

	return labels[is_client(attempt->session, attempt->dir)][epoch];
}

static bool try_suite(struct attempt *attempt, const struct suite *suite, struct text secret,
		      enum epoch epoch, const char *via)
{
	struct record_key *key = record_key13(&attempt->tls->keys, suite, secret);

	if (!key || !unlock_opens(attempt, key)) {
		record_key_free(key);
		return false;
	}
	unlock_install(attempt, key, epoch, via);
	memcpy(half_of(attempt)->secret, secret.data, secret.len);
	return true;
}

/* Without a server hello the suite is not known: any that the secret fits. */
static bool try_secret(struct attempt *attempt, const struct secret *secret, enum epoch epoch)
{
	struct session *session = attempt->session;
	struct text bytes = { (const char *)secret->bytes, secret->len };
	const struct suite *suite;
	size_t place = 0;
	uint16_t id;

	if (session->hellos.suite)
		return try_suite(attempt, session->hellos.suite, bytes, epoch, secret->via);
	if (session->has_server)
		return false;
	while ((suite = suite_next13(&place, &id))) {
		if (!try_suite(attempt, suite, bytes, epoch, secret->via))
			continue;
		session->hellos.suite = suite;
		session->cipher = id;
		return true;
	}
	return false;
}

static bool try_loose(struct attempt *attempt, struct secret *secret, enum epoch epoch)
{
	enum secret_label label = label_of(attempt, epoch);

	if (secret->label != LABEL_UNKNOWN && secret->label != label)
		return false;
	if (!try_secret(attempt, secret, epoch))
		return false;
	unlock_name(attempt, secret, label);
	return true;
}

/* The client's random is another than that of its hello in the clear, or the hello
 * was not seen. */
static bool try_foreign(struct attempt *attempt, struct secret *secret, enum epoch epoch)
{
	if (secret->label != label_of(attempt, epoch) || !try_secret(attempt, secret, epoch))
		return false;
	session_random(attempt->tls, attempt->session, secret->random);
	attempt->session->foreign = false;
	return true;
}

enum fate unlock_find13(struct attempt *attempt, enum epoch epoch, bool named_only)
{
	struct secrets *secrets = &attempt->tls->secrets;
	struct session *session = attempt->session;
	const struct secret *secret = NULL;
	bool any = false;

	while (session->has_random &&
	       (secret = secrets_find(secrets, secret, label_of(attempt, epoch),
				      session->hellos.client_random))) {
		any = true;
		if (try_secret(attempt, secret, epoch))
			return FATE_OPENED;
	}
	if (any || named_only)
		return any ? FATE_FAILED : FATE_KEY;
	if (unlock_list(attempt, &secrets->loose, epoch, try_loose))
		return FATE_OPENED;
	if ((session->foreign || !session->has_random) &&
	    unlock_list(attempt, &secrets->traffic, epoch, try_foreign))
		return FATE_OPENED;
	if (!attempt->search)
		half_of(attempt)->tried = secrets->serial;
	return FATE_KEY;
}

/* The client's early data stands before its handshake. */
static enum fate open_early(struct attempt *attempt)
{
	struct session *session = attempt->session;
	const struct half *other = &session->dirs[!attempt->dir];
	enum fate fate;

	/* Whether it was accepted is said in the server's first sealed message. */
	if (!session->has_extensions && other->epoch < EPOCH_DATA && !other->lost)
		return FATE_HELLO;
	if (session->has_extensions && !session->early_accepted) {
		session_epoch(session, attempt->dir, EPOCH_HANDSHAKE);
		half_of(attempt)->skipped = 1;
		return FATE_SKIPPED;
	}
	fate = unlock_find13(attempt, EPOCH_EARLY, false);
	/* Without its key: until the handshake's fits. */
	if (fate != FATE_OPENED && unlock_find13(attempt, EPOCH_HANDSHAKE, true) == FATE_OPENED)
		return FATE_OPENED;
	return fate;
}

static enum fate open_handshake(struct attempt *attempt)
{
	struct half *d = half_of(attempt);
	enum fate fate = unlock_find13(attempt, EPOCH_HANDSHAKE, false), later;

	if (fate == FATE_FAILED && d->skipped && d->skipped++ < EARLY_MAX)
		return FATE_SKIPPED;
	if (fate != FATE_KEY)
		return fate;
	/* If the secret of what comes behind it is here, this one's will not come. */
	later = unlock_find13(attempt, EPOCH_DATA, true);
	return later == FATE_FAILED ? FATE_SKIPPED : later;
}

enum fate unlock_next13(struct attempt *attempt)
{
	enum epoch epoch = half_of(attempt)->epoch;

	if (epoch == EPOCH_EARLY)
		return open_early(attempt);
	return epoch == EPOCH_HANDSHAKE ? open_handshake(attempt) :
					  unlock_find13(attempt, EPOCH_DATA, false);
}

/* Under one of the next keys, if a gap has swallowed changes of key. */
static bool is_updated(struct attempt *attempt)
{
	struct half *d = half_of(attempt);
	const struct suite *suite = attempt->session->hellos.suite;
	uint8_t bytes[SUITE_HASH_MAX];
	struct text secret = { (const char *)bytes, suite_hash_len(suite->hash) };

	memcpy(bytes, d->secret, secret.len);
	for (int i = 0; i < MAX_MISSED_UPDATES; i++) {
		if (keys_expand(&attempt->tls->keys, suite->hash, secret, "traffic upd", bytes,
				secret.len))
			return false;
		if (try_suite(attempt, suite, secret, EPOCH_DATA, d->via))
			return true;
	}
	return false;
}

enum fate unlock_later13(struct attempt *attempt)
{
	struct half *d = half_of(attempt);
	bool waits = false, has_key = d->key != NULL;

	if (d->epoch == EPOCH_DATA && has_key)
		return is_updated(attempt) ? FATE_OPENED : FATE_FAILED;
	for (enum epoch epoch = d->epoch + has_key; epoch <= EPOCH_DATA; epoch++) {
		enum fate fate;

		if (label_of(attempt, epoch) == LABEL_UNKNOWN)
			continue;
		fate = unlock_find13(attempt, epoch, false);
		if (fate == FATE_OPENED)
			return fate;
		waits |= fate == FATE_KEY && epoch > EPOCH_EARLY;
	}
	return waits ? FATE_KEY : FATE_FAILED;
}

int unlock_update(struct tls *tls, struct session *session, int dir)
{
	struct half *d = &session->dirs[dir];
	const struct suite *suite = session->hellos.suite;
	struct text secret = { (const char *)d->secret, suite_hash_len(suite->hash) };
	struct record_key *key;

	if (keys_expand(&tls->keys, suite->hash, secret, "traffic upd", d->secret, secret.len))
		return -EINVAL;
	key = record_key13(&tls->keys, suite, secret);
	if (!key)
		return -ENOMEM;
	record_key_free(d->key);
	d->key = key;
	d->sequence = 0;
	return 0;
}
