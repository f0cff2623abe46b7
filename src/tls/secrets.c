#include "tls/secrets.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

#define MASTER_LEN 48
#define SAME_MAX 16

struct resumable {
	struct list order;
	uint64_t key;
	uint8_t master[MASTER_LEN];
	const char *via;
};

/* The names of SSLKEYLOGFILE (RFC 9850); QUIC_ ones of old are of no use here. */
static const char *const labels[LABEL_COUNT] = {
	[LABEL_UNKNOWN] = "",
	[LABEL_MASTER] = "CLIENT_RANDOM",
	[LABEL_CLIENT_EARLY] = "CLIENT_EARLY_TRAFFIC_SECRET",
	[LABEL_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
	[LABEL_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
	[LABEL_CLIENT_DATA] = "CLIENT_TRAFFIC_SECRET_0",
	[LABEL_SERVER_DATA] = "SERVER_TRAFFIC_SECRET_0",
};

enum secret_label secrets_label(const char *name)
{
	for (int i = 0; i < LABEL_COUNT; i++)
		if (strcmp(labels[i], name) == 0)
			return i;
	return LABEL_OTHER;
}

const char *secrets_label_name(enum secret_label label)
{
	return labels[label];
}

int secrets_init(struct secrets *secrets)
{
	*secrets = (struct secrets){ 0 };
	list_init(&secrets->all);
	list_init(&secrets->loose);
	list_init(&secrets->masters);
	list_init(&secrets->traffic);
	list_init(&secrets->resumable_order);
	map_init(&secrets->by_random, MAX_SECRETS);
	map_init(&secrets->logged, MAX_LOGGED);
	map_init(&secrets->resumable, MAX_RESUMABLE);
	secrets->logged_order = calloc(MAX_LOGGED, sizeof(*secrets->logged_order));
	return secrets->logged_order ? 0 : -ENOMEM;
}

static uint64_t key_of(const uint8_t *random)
{
	uint64_t key;

	memcpy(&key, random, sizeof(key));
	return key;
}

/* A hash that nobody can make another's line or ticket vanish with. */
static uint64_t hash_of(struct text text)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)text.data, text.len, hash);
	return key_of(hash);
}

/* How many begin with the same random: of one connection there are five. */
static size_t count_same(const struct secrets *secrets, const uint8_t *random)
{
	const struct secret *at = map_get(&secrets->by_random, key_of(random));
	size_t count = 0;

	for (; at; at = at->same)
		count++;
	return count;
}

static void link_by_random(struct secrets *secrets, struct secret *secret)
{
	uint64_t key = key_of(secret->random);

	secret->same = map_get(&secrets->by_random, key);
	if (map_put(&secrets->by_random, key, secret)) {
		secret->same = NULL;
		secret->has_random = false;
	}
}

static void unlink_by_random(struct secrets *secrets, struct secret *secret)
{
	uint64_t key = key_of(secret->random);
	struct secret *at = map_get(&secrets->by_random, key);

	if (at == secret && !secret->same) {
		map_remove(&secrets->by_random, key);
	} else if (at == secret) {
		map_put(&secrets->by_random, key, secret->same);
	} else {
		while (at && at->same != secret)
			at = at->same;
		if (at)
			at->same = secret->same;
	}
}

static struct list *kind_of(struct secrets *secrets, const struct secret *secret)
{
	if (!secret->has_random || secret->label == LABEL_UNKNOWN)
		return &secrets->loose;
	return secret->label == LABEL_MASTER ? &secrets->masters : &secrets->traffic;
}

static void drop(struct secrets *secrets, struct secret *secret)
{
	if (secret->has_random)
		unlink_by_random(secrets, secret);
	list_remove(&secret->all);
	list_remove(&secret->kind);
	secrets->count--;
	OPENSSL_cleanse(secret, sizeof(*secret));
	free(secret);
}

void secrets_free(struct secrets *secrets)
{
	while (!list_empty(&secrets->all))
		drop(secrets, LIST_ITEM(secrets->all.next, struct secret, all));
	while (!list_empty(&secrets->resumable_order)) {
		struct resumable *one = LIST_ITEM(secrets->resumable_order.next, struct resumable,
						  order);

		list_remove(&one->order);
		OPENSSL_cleanse(one, sizeof(*one));
		free(one);
	}
	map_free(&secrets->by_random);
	map_free(&secrets->logged);
	map_free(&secrets->resumable);
	free(secrets->logged_order);
}

static bool is_same(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool is_there(const struct secrets *secrets, const struct secret *secret)
{
	const struct secret *at = NULL;

	if (!secret->has_random) { /* the same call seen at two places */
		at = list_empty(&secrets->loose) ? NULL :
			LIST_ITEM(secrets->loose.next, struct secret, kind);
		return at && at->label == secret->label && is_same(at, secret);
	}
	do
		at = secrets_find(secrets, at, secret->label, secret->random);
	while (at && !is_same(at, secret));
	return at;
}

struct secret *secrets_add(struct secrets *secrets, const struct secret *secret)
{
	struct secret *own;
	bool usable = secret->len == 48 || (secret->len == 32 && secret->label != LABEL_MASTER);

	if (!usable || secret->label >= LABEL_OTHER || is_there(secrets, secret))
		return NULL;
	if (secret->has_random && count_same(secrets, secret->random) >= SAME_MAX)
		return NULL;
	own = malloc(sizeof(*own));
	if (!own)
		return NULL;
	while (secrets->count >= MAX_SECRETS)
		drop(secrets, LIST_ITEM(secrets->all.prev, struct secret, all));
	*own = *secret;
	own->same = NULL;
	own->serial = ++secrets->serial;
	if (own->has_random)
		link_by_random(secrets, own);
	list_add_front(&secrets->all, &own->all);
	list_add_front(kind_of(secrets, own), &own->kind);
	secrets->count++;
	return own;
}

struct secret *secrets_find(const struct secrets *secrets, const struct secret *after,
			    enum secret_label label, const uint8_t *random)
{
	struct secret *at = after ? after->same : map_get(&secrets->by_random, key_of(random));

	while (at && (at->label != label || memcmp(at->random, random, SECRET_RANDOM) != 0))
		at = at->same;
	return at;
}

void secrets_name(struct secrets *secrets, struct secret *secret, enum secret_label label,
		  const uint8_t *random)
{
	if (secret->has_random)
		unlink_by_random(secrets, secret);
	secret->label = (uint8_t)label;
	secret->has_random = true;
	memcpy(secret->random, random, SECRET_RANDOM);
	link_by_random(secrets, secret);
	list_remove(&secret->kind);
	list_add_front(kind_of(secrets, secret), &secret->kind);
}

bool secrets_log(struct secrets *secrets, const char *label, const uint8_t *random,
		 struct text secret)
{
	uint64_t *oldest = &secrets->logged_order[secrets->logged_next], hash;
	char line[SECRET_LABEL + SECRET_RANDOM + SECRET_MAX] = "";

	memcpy(line, label, strnlen(label, SECRET_LABEL));
	memcpy(line + SECRET_LABEL, random, SECRET_RANDOM);
	memcpy(line + SECRET_LABEL + SECRET_RANDOM, secret.data,
	       secret.len < SECRET_MAX ? secret.len : SECRET_MAX);
	hash = hash_of((struct text){ line, sizeof(line) });
	if (map_get(&secrets->logged, hash))
		return false;
	if (secrets->logged.count >= MAX_LOGGED)
		map_remove(&secrets->logged, *oldest);
	if (map_put(&secrets->logged, hash, secrets) == 0) {
		*oldest = hash;
		secrets->logged_next = (secrets->logged_next + 1) % MAX_LOGGED;
	}
	return true;
}

void secrets_keep(struct secrets *secrets, struct text id, const uint8_t *master, const char *via)
{
	struct resumable *one;
	uint64_t key;

	if (!id.len)
		return;
	key = hash_of(id);
	one = map_get(&secrets->resumable, key);
	if (!one && secrets->resumable.count >= MAX_RESUMABLE) {
		one = LIST_ITEM(secrets->resumable_order.prev, struct resumable, order);
		map_remove(&secrets->resumable, one->key);
		if (map_put(&secrets->resumable, key, one)) {
			list_remove(&one->order);
			free(one);
			return;
		}
	}
	if (one) {
		list_remove(&one->order);
	} else {
		one = malloc(sizeof(*one));
		if (!one || map_put(&secrets->resumable, key, one)) {
			free(one);
			return;
		}
	}
	one->key = key;
	one->via = via;
	memcpy(one->master, master, MASTER_LEN);
	list_add_front(&secrets->resumable_order, &one->order);
}

const uint8_t *secrets_resume(const struct secrets *secrets, struct text id, const char **via)
{
	const struct resumable *one =
		id.len ? map_get(&secrets->resumable, hash_of(id)) : NULL;

	if (!one)
		return NULL;
	*via = one->via;
	return one->master;
}
