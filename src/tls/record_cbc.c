/* Records of CBC suites (RFC 5246, 6.2.3.2), with the MAC under the cipher or over
 * it (RFC 7366). Nobody learns from the time that this takes, so it stops at the
 * first thing that is wrong.
 *
 * Before TLS 1.1 records are chained: the last block of the one before is the IV. A
 * MAC over the cipher text does not cover that, so a record is genuine and its first
 * block wrong all the same if the one before was lost or damaged. Then nothing of it
 * is shown, and it is what the next one is chained to. */
#include "tls/record_key.h"

#include <errno.h>

/* MAC of sequence number, type, version, length and the bytes. */
static bool mac_fits(struct record_key *key, uint64_t sequence, const uint8_t *record,
		     const uint8_t *data, size_t len, const uint8_t *mac)
{
	uint8_t head[RECORD_AAD_MAX], out[SUITE_HASH_MAX];
	size_t head_len = record_aad(key, sequence, record, len, head), out_len;

	/* Without a key: the same again. */
	return EVP_MAC_init(key->mac, NULL, 0, NULL) &&
	       EVP_MAC_update(key->mac, head, head_len) &&
	       EVP_MAC_update(key->mac, data, len) &&
	       EVP_MAC_final(key->mac, out, &out_len, sizeof(out)) &&
	       memcmp(out, mac, out_len) == 0;
}

static int decipher(struct record_key *key, const uint8_t *iv, const uint8_t *text, size_t len,
		    uint8_t *room)
{
	int done;

	if (!len || len % key->kind->block)
		return -EBADMSG;
	if (!EVP_DecryptInit_ex2(key->cipher, NULL, NULL, iv, NULL) ||
	    !EVP_DecryptUpdate(key->cipher, room, &done, text, (int)len) || (size_t)done != len)
		return -EBADMSG;
	return 0;
}

/* Takes the padding off: n bytes of the value n, and n itself. */
static int unpad(const uint8_t *data, size_t *len)
{
	size_t padding = (size_t)data[*len - 1] + 1;

	if (padding > *len)
		return -EBADMSG;
	for (size_t i = 2; i <= padding; i++)
		if (data[*len - i] != padding - 1)
			return -EBADMSG;
	*len -= padding;
	return 0;
}

static void chain(struct record_key *key, const uint8_t *block, uint64_t next)
{
	memcpy(key->iv, block, key->kind->block);
	key->chain_next = next;
}

int record_decrypt_cbc(struct record_key *key, uint64_t sequence, const uint8_t *record,
		       size_t len, uint8_t *room, struct record_opened *opened)
{
	size_t mac = suite_hash_len(key->suite->mac), iv = key->chained ? 0 : key->kind->block;
	const uint8_t *body = record + RECORD_HEAD, *text = body + iv;
	size_t body_len = len - RECORD_HEAD, content;

	if (body_len < iv + mac + 1)
		return -EBADMSG;
	if (key->encrypt_then_mac) {
		body_len -= mac;
		if (body_len < key->kind->block ||
		    !mac_fits(key, sequence, record, body, body_len, body + body_len))
			return -EBADMSG;
		if (key->chained && sequence != key->chain_next) {
			chain(key, body + body_len - key->kind->block, sequence + 1);
			return -EAGAIN;
		}
	}
	content = body_len - iv;
	if (decipher(key, iv ? body : key->iv, text, content, room) || unpad(room, &content))
		return -EBADMSG;
	if (!key->encrypt_then_mac) {
		if (content < mac)
			return -EBADMSG;
		content -= mac;
		if (!mac_fits(key, sequence, record, room, content, room + content))
			return -EBADMSG;
	}
	if (key->chained)
		chain(key, body + body_len - key->kind->block, sequence + 1);
	*opened = (struct record_opened){ record[0], room, content };
	return 0;
}

int record_search_chained(struct record_key *key, struct record_search *search,
			  const uint8_t *record, size_t len, uint8_t *room,
			  struct record_opened *opened)
{
	size_t block = key->kind->block;
	uint8_t own[SUITE_BLOCK_MAX];
	int error;

	if (key->encrypt_then_mac)
		return record_search_around(key, search, record, len, room, opened);
	search->found = search->from;
	if (record_decrypt(key, search->from, record, len, room, opened) == 0)
		return 0;
	if (!search->before)
		return -EBADMSG;
	memcpy(own, key->iv, block);
	memcpy(key->iv, search->before + SUITE_BLOCK_MAX - block, block);
	error = record_search_around(key, search, record, len, room, opened);
	if (error)
		memcpy(key->iv, own, block);
	return error;
}
