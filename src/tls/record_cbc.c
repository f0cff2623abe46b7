/* Records of CBC suites (RFC 5246, 6.2.3.2), with the MAC under the cipher or over
 * it (RFC 7366). Nobody learns from the time that this takes, so it stops at the
 * first thing that is wrong. */
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

int record_decrypt_cbc(struct record_key *key, uint64_t sequence, const uint8_t *record, size_t len,
		    uint8_t *room, struct record_opened *opened)
{
	size_t mac = suite_hash_len(key->suite->mac), iv = key->chained ? 0 : key->kind->block;
	const uint8_t *body = record + RECORD_HEAD, *text = body + iv;
	size_t body_len = len - RECORD_HEAD, content;

	if (body_len < iv + mac + 1)
		return -EBADMSG;
	if (key->encrypt_then_mac) {
		body_len -= mac;
		if (!mac_fits(key, sequence, record, body, body_len, body + body_len))
			return -EBADMSG;
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
		memcpy(key->iv, body + body_len - key->kind->block, key->kind->block);
	*opened = (struct record_opened){ record[0], room, content };
	return 0;
}
