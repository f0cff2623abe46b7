/* The sequence number of a record behind a gap.
 *
 * For AES-GCM it need not be searched: the tag is GHASH(aad, ciphertext) xor E(J0),
 * and J0 is the nonce and a counter of 1. GHASH depends on the key alone, so J0 is
 * what the block cipher makes of tag xor GHASH, backwards. In TLS 1.3 the nonce is
 * the sequence number xor a fixed part, so each record tells where it belongs. In
 * TLS 1.2 the nonce is in the record, but the sequence number is in the additional
 * data: implementations that count the nonce too (all but those that draw it by
 * chance) give it away by what it has grown since the last record. */
#include "tls/record_key.h"

#include <errno.h>

#include "limits.h"

/* The tag that the record would have with a nonce of zeros: GHASH xor E(J0 of
 * zeros). What libcrypto is asked to encipher is what deciphers to that text. */
static int tag_at_zero(struct record_key *key, const struct record_parts *parts, uint8_t *room,
		       uint8_t tag[16])
{
	static const uint8_t zeros[RECORD_NONCE];
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int len, done = -ENOMEM;

	if (cipher && EVP_CipherInit_ex2(cipher, EVP_CIPHER_CTX_get0_cipher(key->cipher), key->key,
					 zeros, 0, NULL) &&
	    EVP_CipherUpdate(cipher, room, &len, parts->text, (int)parts->len) &&
	    EVP_CipherInit_ex2(cipher, NULL, key->key, zeros, 1, NULL) &&
	    EVP_CipherUpdate(cipher, NULL, &len, parts->aad, (int)parts->aad_len) &&
	    EVP_CipherUpdate(cipher, room, &len, room, (int)parts->len) &&
	    EVP_CipherFinal_ex(cipher, room + parts->len, &len) &&
	    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, tag) > 0)
		done = 0;
	EVP_CIPHER_CTX_free(cipher);
	return done;
}

static int block_cipher(struct record_key *key, uint8_t block[16], int encipher)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int len, done = -ENOMEM;

	if (cipher && EVP_CipherInit_ex2(cipher, key->block, key->key, NULL, encipher, NULL) &&
	    EVP_CIPHER_CTX_set_padding(cipher, 0) &&
	    EVP_CipherUpdate(cipher, block, &len, block, 16))
		done = 0;
	EVP_CIPHER_CTX_free(cipher);
	return done;
}

/* The sequence number that a record of TLS 1.3 has if the key is its own. */
static int number_of_gcm(struct record_key *key, const uint8_t *record, size_t len, uint8_t *room,
			 uint64_t *sequence)
{
	uint8_t first[16], zero[16] = { [15] = 1 };
	struct record_parts parts;

	if (record_parts(key, 0, record, len, &parts) || !parts.len ||
	    tag_at_zero(key, &parts, room, first) || block_cipher(key, zero, 1))
		return -EBADMSG;
	for (int i = 0; i < 16; i++)
		first[i] ^= zero[i] ^ parts.tag[i];
	if (block_cipher(key, first, 0))
		return -EBADMSG;
	if (memcmp(first + RECORD_NONCE, "\0\0\0\1", 4) || memcmp(first, key->iv, 4))
		return -EBADMSG;
	*sequence = record_number_of(first + 4) ^ record_number_of(key->iv + 4);
	return 0;
}

/* Tries one. */
static int try(struct record_key *key, struct record_search *search, uint64_t sequence,
	       const uint8_t *record, size_t len, uint8_t *room, struct record_opened *opened)
{
	int error;

	if (sequence < search->from || sequence >= search->to)
		return -EBADMSG;
	error = record_decrypt(key, sequence, record, len, room, opened);
	search->found = sequence;
	return error;
}

int record_search_around(struct record_key *key, struct record_search *search,
			 const uint8_t *record, size_t len, uint8_t *room,
			 struct record_opened *opened)
{
	uint64_t tries = MAX_SEARCH_WORK / (len + 512), guess = search->guess;

	if (guess >= search->to)
		guess = search->to - 1;
	if (guess < search->from)
		guess = search->from;
	for (uint64_t i = 0; i < tries; i++) {
		bool above = guess + i < search->to && guess + i >= guess;
		bool below = i && i <= guess && guess - i >= search->from;
		int error = -EBADMSG;

		if (!above && !below)
			break;
		if (above)
			error = try(key, search, guess + i, record, len, room, opened);
		if (error == -EBADMSG && below)
			error = try(key, search, guess - i, record, len, room, opened);
		if (error != -EBADMSG)
			return error;
	}
	return -EBADMSG;
}

int record_search(struct record_key *key, struct record_search *search, const uint8_t *record,
		  size_t len, uint8_t *room, struct record_opened *opened)
{
	uint64_t sequence;

	if (search->from >= search->to || len < RECORD_HEAD || len > RECORD_HEAD + RECORD_MAX)
		return -EBADMSG;
	if (key->chained)
		return record_search_chained(key, search, record, len, room, opened);
	if (key->tls13 && key->block) {
		if (number_of_gcm(key, record, len, room, &sequence))
			return -EBADMSG;
		return try(key, search, sequence, record, len, room, opened);
	}
	if (key->explicit_nonce && len >= RECORD_HEAD + 8) {
		sequence = record_number_of(record + RECORD_HEAD) -
			   (key->has_offset ? key->offset : 0);
		if (try(key, search, sequence, record, len, room, opened) == 0)
			return 0;
	}
	return record_search_around(key, search, record, len, room, opened);
}
