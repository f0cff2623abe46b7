/* Which key opens a record. Candidates come from the session (what it has already
 * proved), from the store by label and client random, and, where nothing names
 * them, one after the other. Only a record that opens decides. */
#include "tls/unlock.h"

#include "limits.h"

#define RECORD_LEAST 22        /* head, tag and type: little that is sealed is shorter */
#define RECORD_USUAL 4096
#define SEARCH_TRIES 16        /* with each of which a sequence number is looked for */

bool unlock_opens(struct attempt *attempt, struct record_key *key)
{
	const struct stream_record *record = attempt->record;
	const struct stream *stream = &half_of(attempt)->stream;

	attempt->sequence = 0;
	if (!attempt->search)
		return record_decrypt(key, 0, record->data, record->len, attempt->tls->room,
				   attempt->opened) == 0;
	attempt->search->before = stream->before_len == SUITE_BLOCK_MAX ? stream->before : NULL;
	if (record_search(key, attempt->search, record->data, record->len, attempt->tls->room,
			  attempt->opened))
		return false;
	attempt->sequence = attempt->search->found;
	return true;
}

void unlock_install(struct attempt *attempt, struct record_key *key, enum epoch epoch,
		    const char *via)
{
	struct half *d = half_of(attempt);

	session_epoch(attempt->session, attempt->dir, epoch);
	d->key = key;
	d->sequence = attempt->sequence + 1;
	d->via = attempt->session->via = via;
}

/* At first what the session's own process made. */
bool unlock_list(struct attempt *attempt, struct list *list, enum epoch epoch, unlock_try *try)
{
	const struct half *d = half_of(attempt);
	int most = attempt->search ? SEARCH_TRIES : MAX_SECRET_TRIES, tries = 0;

	for (int others = 0; others < 2; others++) {
		int steps = 0;

		for (struct list *at = list->next; at != list; at = at->next) {
			struct secret *secret = LIST_ITEM(at, struct secret, kind);

			if (secret->serial <= d->tried || ++steps > 4 * MAX_SECRET_TRIES)
				break;
			if ((secret->pid != attempt->session->pid) != others)
				continue;
			if (++tries > most)
				return false;
			if (try(attempt, secret, epoch))
				return true;
		}
	}
	return false;
}

void unlock_name(struct attempt *attempt, struct secret *secret, enum secret_label label)
{
	const struct origin *origin = attempt->record->origin;
	const struct session *session = attempt->session;
	const char *name = secrets_label_name(label);
	struct text random = { (const char *)session->hellos.client_random, HELLO_RANDOM };
	struct text bytes = { (const char *)secret->bytes, secret->len };
	struct fact like = {
		.time = origin->time, .pid = origin->pid, .tid = origin->tid, .comm = origin->comm,
		.conn = session->at_hand ? session->at_hand : &session->conn,
	};

	if (!session->has_random)
		return;
	secrets_name(&attempt->tls->secrets, secret, label, session->hellos.client_random);
	if (secrets_log(&attempt->tls->secrets, name, session->hellos.client_random, bytes))
		tell_secret(attempt->tls, name, random, bytes, secret->via, &like);
}

/* No key will ever open it. */
static bool is_unknown(const struct session *session)
{
	return session->has_server && !session->hellos.suite;
}

enum fate unlock(struct tls *tls, struct session *session, int dir,
		 const struct stream_record *record, struct record_opened *opened)
{
	struct half *d = &session->dirs[dir];
	struct attempt attempt = { tls, session, dir, record, NULL, opened, 0 };

	if (d->key) {
		if (record_decrypt(d->key, d->sequence, record->data, record->len, tls->room,
				   opened))
			return FATE_FAILED;
		d->sequence++;
		return FATE_OPENED;
	}
	if (is_unknown(session))
		return FATE_KEY;
	return is_tls13(session) ? unlock_next13(&attempt) : unlock_find12(&attempt);
}

/* Under the key that the direction has. */
static bool goes_on(struct attempt *attempt, uint64_t bytes, uint64_t *missing)
{
	struct half *d = half_of(attempt);
	uint64_t around;

	if (!unlock_opens(attempt, d->key))
		return false;
	around = (attempt->sequence - d->sequence) * record_overhead(d->key);
	*missing = d->epoch == EPOCH_DATA && bytes > around ? bytes - around : 0;
	d->sequence = attempt->sequence + 1;
	return true;
}

enum fate unlock_lost(struct tls *tls, struct session *session, int dir,
		      const struct stream_record *record, struct record_opened *opened,
		      uint64_t *missing)
{
	struct half *d = &session->dirs[dir];
	uint64_t bytes = record->offset - d->lost_from;
	uint64_t guess = bytes / (d->usual ? d->usual : RECORD_USUAL);
	uint64_t most = bytes / RECORD_LEAST + 2;
	struct record_search search = {
		.from = d->sequence, .guess = d->sequence + guess, .to = d->sequence + most,
	};
	struct attempt attempt = { tls, session, dir, record, &search, opened, 0 };
	enum fate fate = FATE_FAILED;

	*missing = 0;
	if (d->key && goes_on(&attempt, bytes, missing))
		return FATE_OPENED;
	if (is_unknown(session))
		return FATE_KEY;
	search = (struct record_search){ .guess = guess, .to = most };
	if (is_tls13(session))
		fate = unlock_later13(&attempt);
	else if (!d->key)
		fate = unlock_find12(&attempt);
	/* How the gap is divided between what was under the old key and under the new
	 * one is not known: of the new one's there is a byte in each, at least. */
	if (fate == FATE_OPENED && d->epoch == EPOCH_DATA)
		*missing = attempt.sequence;
	return fate;
}
