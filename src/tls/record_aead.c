/* Records of AEAD suites (RFC 5246, 6.2.3.3; RFC 8446, 5.2; RFC 7905). */
#include "tls/record_key.h"

#include <errno.h>

size_t record_aad(const struct record_key *key, uint64_t sequence, const uint8_t *record,
		  size_t len, uint8_t aad[RECORD_AAD_MAX])
{
	if (key->tls13) {
		memcpy(aad, record, RECORD_HEAD);
		return RECORD_HEAD;
	}
	record_number(aad, sequence);
	memcpy(aad + 8, record, 3);
	aad[11] = (uint8_t)(len >> 8);
	aad[12] = (uint8_t)len;
	return RECORD_AAD_MAX;
}

int record_parts(const struct record_key *key, uint64_t sequence, const uint8_t *record,
		 size_t len, struct record_parts *parts)
{
	size_t around = RECORD_HEAD + key->explicit_nonce + key->suite->tag;

	if (len < around)
		return -EBADMSG;
	parts->text = record + RECORD_HEAD + key->explicit_nonce;
	parts->len = len - around;
	parts->tag = parts->text + parts->len;
	memcpy(parts->nonce, key->iv, RECORD_NONCE);
	if (key->explicit_nonce) {
		memcpy(parts->nonce + 4, record + RECORD_HEAD, 8);
	} else {
		uint8_t number[8];

		record_number(number, sequence);
		for (int i = 0; i < 8; i++)
			parts->nonce[4 + i] ^= number[i];
	}
	parts->aad_len = record_aad(key, sequence, record, parts->len, parts->aad);
	return 0;
}

static int decipher(struct record_key *key, const struct record_parts *parts, uint8_t *room)
{
	EVP_CIPHER_CTX *cipher = key->cipher;
	bool ccm = key->kind->mode == MODE_CCM;
	int len;

	if (EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, key->suite->tag,
				(void *)parts->tag) <= 0 ||
	    !EVP_DecryptInit_ex2(cipher, NULL, NULL, parts->nonce, NULL))
		return -EBADMSG;
	/* CCM has to know the length first, and has checked the tag when it returns. */
	if (ccm && !EVP_DecryptUpdate(cipher, NULL, &len, NULL, (int)parts->len))
		return -EBADMSG;
	if (!EVP_DecryptUpdate(cipher, NULL, &len, parts->aad, (int)parts->aad_len))
		return -EBADMSG;
	if ((parts->len || ccm) &&
	    EVP_DecryptUpdate(cipher, room, &len, parts->text, (int)parts->len) <= 0)
		return -EBADMSG;
	if (!ccm && EVP_DecryptFinal_ex(cipher, room + parts->len, &len) <= 0)
		return -EBADMSG;
	return 0;
}

/* TLS 1.3: the content, its type, and zeros to any length (RFC 8446, 5.4). */
static int unpad(struct record_opened *opened)
{
	while (opened->len && !opened->data[opened->len - 1])
		opened->len--;
	if (!opened->len)
		return -EBADMSG;
	opened->type = opened->data[--opened->len];
	return 0;
}

int record_decrypt_aead(struct record_key *key, uint64_t sequence, const uint8_t *record,
			size_t len, uint8_t *room, struct record_opened *opened)
{
	struct record_parts parts;

	if (record_parts(key, sequence, record, len, &parts) || decipher(key, &parts, room))
		return -EBADMSG;
	*opened = (struct record_opened){ record[0], room, parts.len };
	if (key->explicit_nonce) {
		key->offset = record_number_of(record + RECORD_HEAD) - sequence;
		key->has_offset = true;
	}
	return key->tls13 ? unpad(opened) : 0;
}
