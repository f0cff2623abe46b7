#include "tls/record_key.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "tls/hello.h"

#define KEY_BLOCK_MAX (2 * (SUITE_HASH_MAX + SUITE_KEY_MAX + SUITE_BLOCK_MAX))

static int prepare_cipher(struct keys *keys, struct record_key *key)
{
	EVP_CIPHER *cipher = keys->ciphers[key->suite->cipher];

	key->cipher = cipher ? EVP_CIPHER_CTX_new() : NULL;
	if (!key->cipher || !EVP_DecryptInit_ex2(key->cipher, cipher, NULL, NULL, NULL))
		return -ENOMEM;
	if (key->kind->mode == MODE_CCM &&
	    EVP_CIPHER_CTX_ctrl(key->cipher, EVP_CTRL_AEAD_SET_TAG, key->suite->tag, NULL) <= 0)
		return -EINVAL;
	if (key->kind->mode != MODE_CBC &&
	    EVP_CIPHER_CTX_ctrl(key->cipher, EVP_CTRL_AEAD_SET_IVLEN, RECORD_NONCE, NULL) <= 0)
		return -EINVAL;
	if (!EVP_DecryptInit_ex2(key->cipher, NULL, key->key, NULL, NULL))
		return -EINVAL;
	if (key->kind->mode == MODE_CBC)
		EVP_CIPHER_CTX_set_padding(key->cipher, 0);
	else if (key->kind->mode == MODE_GCM)
		key->block = keys->blocks[key->suite->cipher];
	return 0;
}

static int prepare_mac(struct keys *keys, struct record_key *key, const uint8_t *secret)
{
	EVP_MAC_CTX *hmac = keys->hmacs[key->suite->mac];

	key->mac = hmac ? EVP_MAC_CTX_dup(hmac) : NULL;
	if (!key->mac)
		return -ENOMEM;
	return EVP_MAC_init(key->mac, secret, suite_hash_len(key->suite->mac), NULL) ? 0 : -EINVAL;
}

static struct record_key *new_key(const struct suite *suite)
{
	struct record_key *key = calloc(1, sizeof(*key));

	if (!key)
		return NULL;
	key->suite = suite;
	key->kind = suite_kind(suite->cipher);
	return key;
}

struct record_key *record_key13(struct keys *keys, const struct suite *suite, struct text secret)
{
	struct record_key *key;

	if (!suite->tls13 || secret.len != suite_hash_len(suite->hash))
		return NULL;
	key = new_key(suite);
	if (!key)
		return NULL;
	key->tls13 = true;
	if (keys_expand(keys, suite->hash, secret, "key", key->key, key->kind->key) ||
	    keys_expand(keys, suite->hash, secret, "iv", key->iv, RECORD_NONCE) ||
	    prepare_cipher(keys, key)) {
		record_key_free(key);
		return NULL;
	}
	return key;
}

/* Takes this direction's part of the key block (RFC 5246, 6.3). */
static int deal(struct keys *keys, struct record_key *key, const uint8_t *block, bool of_client)
{
	bool cbc = key->kind->mode == MODE_CBC;
	size_t mac = cbc ? suite_hash_len(key->suite->mac) : 0;
	size_t iv = cbc ? key->kind->block : key->kind->mode == MODE_CHACHA20 ? RECORD_NONCE : 4;
	const uint8_t *own_key = block + 2 * mac + (of_client ? 0 : key->kind->key);
	const uint8_t *own_iv = block + 2 * mac + 2 * key->kind->key + (of_client ? 0 : iv);

	memcpy(key->key, own_key, key->kind->key);
	memcpy(key->iv, own_iv, iv);
	if (prepare_cipher(keys, key))
		return -EINVAL;
	return cbc ? prepare_mac(keys, key, block + (of_client ? 0 : mac)) : 0;
}

struct record_key *record_key12(struct keys *keys, const struct record_hellos *hellos,
				struct text master, bool of_client)
{
	struct text server = { (const char *)hellos->server_random, HELLO_RANDOM };
	struct text client = { (const char *)hellos->client_random, HELLO_RANDOM };
	uint8_t block[KEY_BLOCK_MAX];
	struct record_key *key;

	if (hellos->suite->tls13)
		return NULL;
	key = new_key(hellos->suite);
	if (!key)
		return NULL;
	if (key->kind->mode == MODE_CBC) {
		key->chained = hellos->version < TLS_1_1;
		key->encrypt_then_mac = hellos->encrypt_then_mac;
	} else {
		key->explicit_nonce = key->kind->mode == MODE_CHACHA20 ? 0 : 8;
	}
	if (keys_prf(keys, hellos->version, hellos->suite->hash, master, "key expansion", server,
		     client, block, sizeof(block)) || deal(keys, key, block, of_client)) {
		record_key_free(key);
		key = NULL;
	}
	OPENSSL_cleanse(block, sizeof(block));
	return key;
}

void record_key_free(struct record_key *key)
{
	if (!key)
		return;
	EVP_CIPHER_CTX_free(key->cipher);
	EVP_MAC_CTX_free(key->mac);
	OPENSSL_cleanse(key, sizeof(*key));
	free(key);
}

int record_decrypt(struct record_key *key, uint64_t sequence, const uint8_t *record, size_t len,
		uint8_t *room, struct record_opened *opened)
{
	if (len < RECORD_HEAD || len > RECORD_HEAD + RECORD_MAX)
		return -EBADMSG;
	if (key->kind->mode == MODE_CBC)
		return record_decrypt_cbc(key, sequence, record, len, room, opened);
	return record_decrypt_aead(key, sequence, record, len, room, opened);
}

size_t record_overhead(const struct record_key *key)
{
	if (key->kind->mode == MODE_CBC)
		return RECORD_HEAD + (key->chained ? 0 : key->kind->block) +
		       suite_hash_len(key->suite->mac) + key->kind->block;
	return RECORD_HEAD + key->explicit_nonce + key->suite->tag + key->tls13;
}
