#include "tls/suite.h"

static const struct suite_cipher_kind kinds[CIPHER_COUNT] = {
	[CIPHER_AES_128_GCM] = { "AES-128-GCM", MODE_GCM, 16, 0 },
	[CIPHER_AES_256_GCM] = { "AES-256-GCM", MODE_GCM, 32, 0 },
	[CIPHER_AES_128_CCM] = { "AES-128-CCM", MODE_CCM, 16, 0 },
	[CIPHER_AES_256_CCM] = { "AES-256-CCM", MODE_CCM, 32, 0 },
	[CIPHER_CHACHA20] = { "ChaCha20-Poly1305", MODE_CHACHA20, 32, 0 },
	[CIPHER_ARIA_128_GCM] = { "ARIA-128-GCM", MODE_GCM, 16, 0 },
	[CIPHER_ARIA_256_GCM] = { "ARIA-256-GCM", MODE_GCM, 32, 0 },
	[CIPHER_AES_128_CBC] = { "AES-128-CBC", MODE_CBC, 16, 16 },
	[CIPHER_AES_256_CBC] = { "AES-256-CBC", MODE_CBC, 32, 16 },
	[CIPHER_3DES_CBC] = { "DES-EDE3-CBC", MODE_CBC, 24, 8 },
	[CIPHER_CAMELLIA_128_CBC] = { "CAMELLIA-128-CBC", MODE_CBC, 16, 16 },
	[CIPHER_CAMELLIA_256_CBC] = { "CAMELLIA-256-CBC", MODE_CBC, 32, 16 },
};

static const uint8_t hash_lens[HASH_COUNT] = {
	[HASH_MD5] = 16, [HASH_SHA1] = 20, [HASH_SHA256] = 32, [HASH_SHA384] = 48,
};

/* The key exchange does not matter to records: a row has the suites of all. */
struct row {
	struct suite suite;
	uint16_t ids[32];          /* up to a 0 */
};

#define AEAD(cipher, hash, tag) { CIPHER_##cipher, HASH_##hash, 0, tag, false }
#define AEAD13(cipher, hash, tag) { CIPHER_##cipher, HASH_##hash, 0, tag, true }
#define CBC(cipher, hash, mac) { CIPHER_##cipher, HASH_##hash, HASH_##mac, 0, false }

/* https://www.iana.org/assignments/tls-parameters, as of 2025 */
static const struct row rows[] = {
	{ AEAD13(AES_128_GCM, SHA256, 16), { 0x1301 } },
	{ AEAD13(AES_256_GCM, SHA384, 16), { 0x1302 } },
	{ AEAD13(CHACHA20, SHA256, 16), { 0x1303 } },
	{ AEAD13(AES_128_CCM, SHA256, 16), { 0x1304 } },
	{ AEAD13(AES_128_CCM, SHA256, 8), { 0x1305 } },
	{ AEAD(AES_128_GCM, SHA256, 16), {
		0x009c, 0x009e, 0x00a0, 0x00a2, 0x00a4, 0x00a6, 0x00a8, 0x00aa, 0x00ac, 0xc02b,
		0xc02d, 0xc02f, 0xc031, 0xd001 } },
	{ AEAD(AES_256_GCM, SHA384, 16), {
		0x009d, 0x009f, 0x00a1, 0x00a3, 0x00a5, 0x00a7, 0x00a9, 0x00ab, 0x00ad, 0xc02c,
		0xc02e, 0xc030, 0xc032, 0xd002 } },
	{ AEAD(AES_128_CCM, SHA256, 16), {
		0xc09c, 0xc09e, 0xc0a4, 0xc0a6, 0xc0ac, 0xd005 } },
	{ AEAD(AES_256_CCM, SHA256, 16), { 0xc09d, 0xc09f, 0xc0a5, 0xc0a7, 0xc0ad } },
	{ AEAD(AES_128_CCM, SHA256, 8), {
		0xc0a0, 0xc0a2, 0xc0a8, 0xc0aa, 0xc0ae, 0xd003 } },
	{ AEAD(AES_256_CCM, SHA256, 8), { 0xc0a1, 0xc0a3, 0xc0a9, 0xc0ab, 0xc0af } },
	{ AEAD(CHACHA20, SHA256, 16), {
		0xcca8, 0xcca9, 0xccaa, 0xccab, 0xccac, 0xccad, 0xccae } },
	{ AEAD(ARIA_128_GCM, SHA256, 16), {
		0xc050, 0xc052, 0xc054, 0xc056, 0xc058, 0xc05a, 0xc05c, 0xc05e, 0xc060, 0xc062,
		0xc06a, 0xc06c, 0xc06e } },
	{ AEAD(ARIA_256_GCM, SHA384, 16), {
		0xc051, 0xc053, 0xc055, 0xc057, 0xc059, 0xc05b, 0xc05d, 0xc05f, 0xc061, 0xc063,
		0xc06b, 0xc06d, 0xc06f } },
	{ CBC(AES_128_CBC, SHA256, SHA1), {
		0x002f, 0x0030, 0x0031, 0x0032, 0x0033, 0x0034, 0x008c, 0x0090, 0x0094, 0xc004,
		0xc009, 0xc00e, 0xc013, 0xc018, 0xc01d, 0xc01e, 0xc01f, 0xc035 } },
	{ CBC(AES_256_CBC, SHA256, SHA1), {
		0x0035, 0x0036, 0x0037, 0x0038, 0x0039, 0x003a, 0x008d, 0x0091, 0x0095, 0xc005,
		0xc00a, 0xc00f, 0xc014, 0xc019, 0xc020, 0xc021, 0xc022, 0xc036 } },
	{ CBC(AES_128_CBC, SHA256, SHA256), {
		0x003c, 0x003e, 0x003f, 0x0040, 0x0067, 0x006c, 0x00ae, 0x00b2, 0x00b6, 0xc023,
		0xc025, 0xc027, 0xc029, 0xc037 } },
	{ CBC(AES_256_CBC, SHA256, SHA256), {
		0x003d, 0x0068, 0x0069, 0x006a, 0x006b, 0x006d } },
	{ CBC(AES_256_CBC, SHA384, SHA384), {
		0x00af, 0x00b3, 0x00b7, 0xc024, 0xc026, 0xc028, 0xc02a, 0xc038 } },
	{ CBC(3DES_CBC, SHA256, SHA1), {
		0x000a, 0x000d, 0x0010, 0x0013, 0x0016, 0x001b, 0x008b, 0x008f, 0x0093, 0xc003,
		0xc008, 0xc00d, 0xc012, 0xc017, 0xc01a, 0xc01b, 0xc01c, 0xc034 } },
	{ CBC(CAMELLIA_128_CBC, SHA256, SHA1), {
		0x0041, 0x0042, 0x0043, 0x0044, 0x0045, 0x0046 } },
	{ CBC(CAMELLIA_256_CBC, SHA256, SHA1), {
		0x0084, 0x0085, 0x0086, 0x0087, 0x0088, 0x0089 } },
	{ CBC(CAMELLIA_128_CBC, SHA256, SHA256), {
		0x00ba, 0x00bb, 0x00bc, 0x00bd, 0x00be, 0x00bf, 0xc072, 0xc074, 0xc076, 0xc078,
		0xc094, 0xc096, 0xc098, 0xc09a } },
	{ CBC(CAMELLIA_256_CBC, SHA256, SHA256), {
		0x00c0, 0x00c1, 0x00c2, 0x00c3, 0x00c4, 0x00c5 } },
	{ CBC(CAMELLIA_256_CBC, SHA384, SHA384), {
		0xc073, 0xc075, 0xc077, 0xc079, 0xc095, 0xc097, 0xc099, 0xc09b } },
};

#define ROWS (sizeof(rows) / sizeof(*rows))

const struct suite *suite_find(uint16_t id)
{
	for (size_t i = 0; id && i < ROWS; i++)
		for (const uint16_t *known = rows[i].ids; *known; known++)
			if (*known == id)
				return &rows[i].suite;
	return NULL;
}

const struct suite_cipher_kind *suite_kind(enum suite_cipher cipher)
{
	return &kinds[cipher];
}

size_t suite_hash_len(enum suite_hash hash)
{
	return hash_lens[hash];
}

const struct suite *suite_next13(size_t *place, uint16_t *id)
{
	while (*place < ROWS && !rows[*place].suite.tls13)
		++*place;
	if (*place == ROWS)
		return NULL;
	*id = rows[*place].ids[0];
	return &rows[(*place)++].suite;
}
