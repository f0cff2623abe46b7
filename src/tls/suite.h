/* Cipher suites: what each one encrypts and authenticates records with. */
#ifndef GLASSTAP_TLS_SUITE_H
#define GLASSTAP_TLS_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum suite_cipher {
	CIPHER_AES_128_GCM, CIPHER_AES_256_GCM, CIPHER_AES_128_CCM, CIPHER_AES_256_CCM,
	CIPHER_CHACHA20, CIPHER_ARIA_128_GCM, CIPHER_ARIA_256_GCM,
	CIPHER_AES_128_CBC, CIPHER_AES_256_CBC, CIPHER_3DES_CBC, CIPHER_CAMELLIA_128_CBC,
	CIPHER_CAMELLIA_256_CBC,
	CIPHER_COUNT
};

enum suite_mode { MODE_GCM, MODE_CCM, MODE_CHACHA20, MODE_CBC };

enum suite_hash { HASH_MD5, HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_COUNT };

#define SUITE_KEY_MAX 32
#define SUITE_HASH_MAX 48
#define SUITE_BLOCK_MAX 16

struct suite_cipher_kind {
	const char *name;          /* libcrypto's */
	uint8_t mode;              /* enum suite_mode */
	uint8_t key;               /* bytes */
	uint8_t block;             /* of CBC; else 0 */
};

struct suite {
	uint8_t cipher;            /* enum suite_cipher */
	uint8_t hash;              /* enum suite_hash: of the key schedule. Before TLS 1.2, where
	                            * all suites have the same, it says nothing. */
	uint8_t mac;               /* of CBC: enum suite_hash */
	uint8_t tag;               /* of the others: bytes */
	bool tls13;                /* of TLS 1.3 only; else: of the others only */
};

const struct suite *suite_find(uint16_t id);   /* NULL: not known here */
const struct suite_cipher_kind *suite_kind(enum suite_cipher cipher);
size_t suite_hash_len(enum suite_hash hash);

/* The suites of TLS 1.3, in turn; NULL at the end. *place begins as 0. */
const struct suite *suite_next13(size_t *place, uint16_t *id);

#endif
