/* What the parts of `record` share. */
#ifndef GLASSTAP_TLS_RECORD_KEY_H
#define GLASSTAP_TLS_RECORD_KEY_H

#include "tls/record.h"

#define RECORD_NONCE 12
#define RECORD_AAD_MAX 13

struct record_key {
	const struct suite *suite;
	const struct suite_cipher_kind *kind;
	bool tls13;
	bool encrypt_then_mac;
	bool chained;              /* CBC without an explicit IV */
	uint8_t explicit_nonce;    /* bytes of it in each record: of AEAD 8 or 0 */
	bool has_offset;
	uint64_t offset;           /* explicit nonce less sequence number, in the last opened */
	uint8_t iv[SUITE_BLOCK_MAX]; /* the fixed part; chained: the block before */
	uint64_t chain_next;       /* chained: sequence number of the record that it is for */
	uint8_t key[SUITE_KEY_MAX];
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;          /* of CBC */
	EVP_CIPHER *block;         /* borrowed from the keys; NULL: not GCM */
};

static inline void record_number(uint8_t to[8], uint64_t number)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(number >> (56 - 8 * i));
}

static inline uint64_t record_number_of(const uint8_t from[8])
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++)
		number = number << 8 | from[i];
	return number;
}

/* A record of an AEAD suite in its parts. */
struct record_parts {
	uint8_t nonce[RECORD_NONCE];
	uint8_t aad[RECORD_AAD_MAX];
	size_t aad_len;
	const uint8_t *text;       /* ciphered */
	size_t len;
	const uint8_t *tag;
};
int record_parts(const struct record_key *key, uint64_t sequence, const uint8_t *record,
		 size_t len, struct record_parts *parts);

int record_decrypt_aead(struct record_key *key, uint64_t sequence, const uint8_t *record,
			size_t len, uint8_t *room, struct record_opened *opened);
int record_decrypt_cbc(struct record_key *key, uint64_t sequence, const uint8_t *record,
		       size_t len, uint8_t *room, struct record_opened *opened);

/* As record_search, of a chained key. */
int record_search_chained(struct record_key *key, struct record_search *search,
			  const uint8_t *record, size_t len, uint8_t *room,
			  struct record_opened *opened);
/* Tries the numbers from the guess outwards. */
int record_search_around(struct record_key *key, struct record_search *search,
			 const uint8_t *record, size_t len, uint8_t *room,
			 struct record_opened *opened);

/* The additional data of a record whose content is `len` bytes. Its length. */
size_t record_aad(const struct record_key *key, uint64_t sequence, const uint8_t *record,
		  size_t len, uint8_t aad[RECORD_AAD_MAX]);

#endif
