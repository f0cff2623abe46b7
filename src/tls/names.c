#include "tls/names.h"

#include <stddef.h>

struct name {
	uint16_t id;
	const char *name;
};

#define FIND(table, id) find(table, sizeof(table) / sizeof(*(table)), id)

static const char *find(const struct name *table, size_t count, uint16_t id)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].id == id)
			return table[i].name;
	return NULL;
}

const char *names_version(uint16_t version)
{
	static const struct name names[] = {
		{ 0x0002, "SSL 2.0" }, { 0x0300, "SSL 3.0" }, { 0x0301, "TLS 1.0" },
		{ 0x0302, "TLS 1.1" }, { 0x0303, "TLS 1.2" }, { 0x0304, "TLS 1.3" },
		{ 0xfeff, "DTLS 1.0" }, { 0xfefd, "DTLS 1.2" }, { 0xfefc, "DTLS 1.3" },
	};

	return FIND(names, version);
}

const char *names_group(uint16_t id)
{
	static const struct name names[] = {
		{ 1, "sect163k1" }, { 2, "sect163r1" }, { 3, "sect163r2" }, { 4, "sect193r1" },
		{ 5, "sect193r2" }, { 6, "sect233k1" }, { 7, "sect233r1" }, { 8, "sect239k1" },
		{ 9, "sect283k1" }, { 10, "sect283r1" }, { 11, "sect409k1" }, { 12, "sect409r1" },
		{ 13, "sect571k1" }, { 14, "sect571r1" }, { 15, "secp160k1" }, { 16, "secp160r1" },
		{ 17, "secp160r2" }, { 18, "secp192k1" }, { 19, "secp192r1" }, { 20, "secp224k1" },
		{ 21, "secp224r1" }, { 22, "secp256k1" }, { 23, "secp256r1" }, { 24, "secp384r1" },
		{ 25, "secp521r1" }, { 26, "brainpoolP256r1" }, { 27, "brainpoolP384r1" },
		{ 28, "brainpoolP512r1" }, { 29, "x25519" }, { 30, "x448" },
		{ 31, "brainpoolP256r1tls13" }, { 32, "brainpoolP384r1tls13" },
		{ 33, "brainpoolP512r1tls13" }, { 34, "GC256A" }, { 35, "GC256B" },
		{ 36, "GC256C" }, { 37, "GC256D" }, { 38, "GC512A" }, { 39, "GC512B" },
		{ 40, "GC512C" }, { 41, "curveSM2" }, { 256, "ffdhe2048" }, { 257, "ffdhe3072" },
		{ 258, "ffdhe4096" }, { 259, "ffdhe6144" }, { 260, "ffdhe8192" },
		{ 512, "MLKEM512" }, { 513, "MLKEM768" }, { 514, "MLKEM1024" },
		{ 4587, "SecP256r1MLKEM768" }, { 4588, "X25519MLKEM768" },
		{ 4589, "SecP384r1MLKEM1024" }, { 4590, "curveSM2MLKEM768" },
		{ 25497, "X25519Kyber768Draft00" }, { 25498, "SecP256r1Kyber768Draft00" },
	};

	return FIND(names, id);
}

/* The name, and what RFC 8446, 6 (or the RFC that has the alert) says of it where
 * the name alone does not. */
const char *names_alert(uint8_t description)
{
	static const struct name names[] = {
		{ 0, "close notify" },
		{ 10, "unexpected message" },
		{ 20, "bad record MAC: a record could not be authenticated" },
		{ 21, "decryption failed" },
		{ 22, "record overflow: a record is too long" },
		{ 30, "decompression failure" },
		{ 40, "handshake failure: no parameters that both sides accept" },
		{ 41, "no certificate" },
		{ 42, "bad certificate" },
		{ 43, "unsupported certificate" },
		{ 44, "certificate revoked" },
		{ 45, "certificate expired, or not yet valid" },
		{ 46, "certificate unknown: it was not accepted, for a reason not said" },
		{ 47, "illegal parameter" },
		{ 48, "unknown certificate authority" },
		{ 49, "access denied: the certificate is valid, but not let in" },
		{ 50, "decode error: a message made no sense" },
		{ 51, "decrypt error: a signature or a finished message is wrong" },
		{ 52, "too many connection ids requested" },
		{ 60, "export restriction" },
		{ 70, "protocol version: the one offered is not supported" },
		{ 71, "insufficient security: stronger parameters are required" },
		{ 80, "internal error" },
		{ 86, "inappropriate fallback: the client could have offered a higher version" },
		{ 90, "user canceled" },
		{ 100, "no renegotiation" },
		{ 109, "missing extension" },
		{ 110, "unsupported extension" },
		{ 111, "certificate unobtainable" },
		{ 112, "unrecognized name: the server has none such" },
		{ 113, "bad certificate status response" },
		{ 114, "bad certificate hash value" },
		{ 115, "unknown PSK identity" },
		{ 116, "certificate required" },
		{ 117, "general error" },
		{ 120, "no application protocol that both sides have" },
		{ 121, "encrypted client hello required" },
	};

	return FIND(names, description);
}
