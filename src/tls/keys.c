#include "tls/keys.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#define TLS_1_2 0x0303
#define PRF_SEED_MAX 96        /* "key expansion" and two randoms */
#define INFO_MAX 64

static const char *const digests[HASH_COUNT] = {
	[HASH_MD5] = "MD5", [HASH_SHA1] = "SHA1", [HASH_SHA256] = "SHA256",
	[HASH_SHA384] = "SHA384",
};

static EVP_CIPHER *block_of(enum suite_cipher cipher)
{
	static const char *const names[CIPHER_COUNT] = {
		[CIPHER_AES_128_GCM] = "AES-128-ECB", [CIPHER_AES_256_GCM] = "AES-256-ECB",
	};

	return names[cipher] ? EVP_CIPHER_fetch(NULL, names[cipher], NULL) : NULL;
}

int keys_init(struct keys *keys)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	*keys = (struct keys){ 0 };
	for (int i = 0; i < CIPHER_COUNT; i++) {
		keys->ciphers[i] = EVP_CIPHER_fetch(NULL, suite_kind(i)->name, NULL);
		keys->blocks[i] = block_of(i);
	}
	for (int i = 0; hmac && i < HASH_COUNT; i++) {
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
							 (char *)digests[i], 0),
			OSSL_PARAM_construct_end(),
		};

		keys->hmacs[i] = EVP_MAC_CTX_new(hmac);
		if (keys->hmacs[i] && !EVP_MAC_CTX_set_params(keys->hmacs[i], params)) {
			EVP_MAC_CTX_free(keys->hmacs[i]);
			keys->hmacs[i] = NULL;
		}
	}
	EVP_MAC_free(hmac);
	/* Without MD5 (FIPS) the oldest versions are all that is missing. */
	if (keys->hmacs[HASH_SHA256] && keys->ciphers[CIPHER_AES_128_GCM])
		return 0;
	keys_free(keys);
	return -ENOMEM;
}

void keys_free(struct keys *keys)
{
	for (int i = 0; i < CIPHER_COUNT; i++) {
		EVP_CIPHER_free(keys->ciphers[i]);
		EVP_CIPHER_free(keys->blocks[i]);
	}
	for (int i = 0; i < HASH_COUNT; i++)
		EVP_MAC_CTX_free(keys->hmacs[i]);
	*keys = (struct keys){ 0 };
}

/* HMAC of `a`, `b`; to has room for the hash. */
static int hmac(EVP_MAC_CTX *context, struct text key, struct text a, struct text b, uint8_t *to)
{
	size_t len;

	if (!context || !EVP_MAC_init(context, (const uint8_t *)key.data, key.len, NULL))
		return -EINVAL;
	if (!EVP_MAC_update(context, (const uint8_t *)a.data, a.len) ||
	    !EVP_MAC_update(context, (const uint8_t *)b.data, b.len) ||
	    !EVP_MAC_final(context, to, &len, SUITE_HASH_MAX))
		return -EINVAL;
	return 0;
}

int keys_expand(struct keys *keys, enum suite_hash hash, struct text secret, const char *label,
		uint8_t *to, size_t len)
{
	static const char prefix[] = "tls13 ";
	uint8_t info[INFO_MAX], out[SUITE_HASH_MAX];
	size_t at = 0, prefix_len = sizeof(prefix) - 1, label_len = strlen(label);

	/* All that is ever asked for is within the first block of HKDF. */
	if (len > suite_hash_len(hash) || label_len + prefix_len + 5 > sizeof(info))
		return -EINVAL;
	info[at++] = 0;
	info[at++] = (uint8_t)len;
	info[at++] = (uint8_t)(prefix_len + label_len);
	memcpy(info + at, prefix, prefix_len);
	at += prefix_len;
	memcpy(info + at, label, label_len);
	at += label_len;
	info[at++] = 0;
	info[at++] = 1;
	if (hmac(keys->hmacs[hash], secret, (struct text){ (char *)info, at },
		 (struct text){ NULL, 0 }, out))
		return -EINVAL;
	memcpy(to, out, len);
	OPENSSL_cleanse(out, sizeof(out));
	return 0;
}

/* P_hash, added to what is in `to` by exclusive or. */
static int prf_hash(EVP_MAC_CTX *context, size_t hash_len, struct text secret, struct text seed,
		    uint8_t *to, size_t len)
{
	uint8_t chain[SUITE_HASH_MAX], out[SUITE_HASH_MAX];
	struct text link = { (char *)chain, hash_len }, none = { NULL, 0 };

	if (hmac(context, secret, seed, none, chain))
		return -EINVAL;
	while (len) {
		size_t now = len < hash_len ? len : hash_len;

		if (hmac(context, secret, link, seed, out))
			return -EINVAL;
		for (size_t i = 0; i < now; i++)
			*to++ ^= out[i];
		len -= now;
		if (len && hmac(context, secret, link, none, chain))
			return -EINVAL;
	}
	return 0;
}

int keys_prf(struct keys *keys, uint16_t version, enum suite_hash hash, struct text secret,
	     const char *label, struct text a, struct text b, uint8_t *to, size_t len)
{
	char seed[PRF_SEED_MAX];
	size_t label_len = strlen(label), half = (secret.len + 1) / 2;
	struct text text = { seed, label_len + a.len + b.len };

	if (text.len > sizeof(seed))
		return -EINVAL;
	memcpy(seed, label, label_len);
	memcpy(seed + label_len, a.data, a.len);
	memcpy(seed + label_len + a.len, b.data, b.len);
	memset(to, 0, len);
	if (version >= TLS_1_2)
		return prf_hash(keys->hmacs[hash], suite_hash_len(hash), secret, text, to, len);
	if (prf_hash(keys->hmacs[HASH_MD5], suite_hash_len(HASH_MD5),
		     (struct text){ secret.data, half }, text, to, len))
		return -EINVAL;
	return prf_hash(keys->hmacs[HASH_SHA1], suite_hash_len(HASH_SHA1),
			(struct text){ secret.data + secret.len - half, half }, text, to, len);
}
