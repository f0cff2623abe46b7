/* The key schedules of TLS, and libcrypto's algorithms: fetched once, as that
 * takes longer than most of what is done with them. */
#ifndef GLASSTAP_TLS_KEYS_H
#define GLASSTAP_TLS_KEYS_H

#include <openssl/evp.h>

#include "base/text.h"
#include "tls/suite.h"

struct keys {
	EVP_CIPHER *ciphers[CIPHER_COUNT]; /* NULL: this libcrypto has none such */
	EVP_CIPHER *blocks[CIPHER_COUNT];  /* AES alone, of each AES-GCM */
	EVP_MAC_CTX *hmacs[HASH_COUNT];
};

int keys_init(struct keys *keys);
void keys_free(struct keys *keys);

/* HKDF-Expand-Label with an empty context (RFC 8446, 7.1). */
int keys_expand(struct keys *keys, enum suite_hash hash, struct text secret, const char *label,
		uint8_t *to, size_t len);

/* The PRF (RFC 5246, 5; before TLS 1.2: RFC 4346, 5) with the seed `a`, `b`. */
int keys_prf(struct keys *keys, uint16_t version, enum suite_hash hash, struct text secret,
	     const char *label, struct text a, struct text b, uint8_t *to, size_t len);

#endif
