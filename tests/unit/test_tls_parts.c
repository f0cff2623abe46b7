/* The parts of the decryptor by themselves: streams, the store of keys, the key
 * schedules, the table of suites. */
#include <errno.h>

#include "limits.h"
#include "tls/keys.h"
#include "tls/names.h"
#include "tls/secrets.h"
#include "tls/stream.h"
#include "test.h"

/* Streams */

static void put(struct stream *stream, struct piece *piece, uint64_t offset, const char *data,
		size_t len)
{
	*piece = (struct piece){ .offset = offset, .len = len, .data = (const uint8_t *)data };
	stream_put(stream, piece);
}

static const char two_records[] = "\x17\x03\x03\0\x02" "ab" "\x16\x03\x01\0\x01" "c";
#define TWO (sizeof(two_records) - 1)

TEST(records_are_taken_where_they_are)
{
	struct stream_record record;
	struct stream stream;
	struct piece piece;

	stream_init(&stream);
	put(&stream, &piece, 100, two_records, TWO);
	REQUIRE(stream_peek(&stream, &record) == STREAM_RECORD);
	CHECK(record.data == (const uint8_t *)two_records);
	CHECK_EQ(record.len, 7);
	CHECK_EQ(record.offset, 100);
	stream_take(&stream, &record);
	REQUIRE(stream_peek(&stream, &record) == STREAM_RECORD);
	CHECK_EQ(record.offset, 107);
	stream_take(&stream, &record);
	CHECK_EQ(stream_peek(&stream, &record), STREAM_MORE);
	CHECK_EQ(stream_keep(&stream, &piece), 0);
	CHECK_EQ(stream.kept, 0);
	stream_free(&stream);
}

TEST(record_in_pieces)
{
	struct stream_record record;
	struct stream stream;
	struct piece piece;

	stream_init(&stream);
	for (size_t i = 0; i < 6; i++) {
		put(&stream, &piece, i, two_records + i, 1);
		CHECK_EQ(stream_peek(&stream, &record), STREAM_MORE);
		stream_keep(&stream, &piece);
	}
	put(&stream, &piece, 6, two_records + 6, TWO - 6);
	REQUIRE(stream_peek(&stream, &record) == STREAM_RECORD);
	CHECK_BYTES(record.data, record.len, two_records, 7);
	stream_keep(&stream, &piece);
	stream_take(&stream, &record);
	REQUIRE(stream_peek(&stream, &record) == STREAM_RECORD);
	CHECK_BYTES(record.data, record.len, two_records + 7, 6);
	stream_take(&stream, &record);
	CHECK_EQ(stream_at(&stream), TWO);
	stream_free(&stream);
	CHECK_EQ(stream.kept, 0);
}

TEST(hole_is_waited_for)
{
	struct stream_record record;
	struct stream stream;
	struct piece first, later;
	uint64_t since;

	stream_init(&stream);
	put(&stream, &first, 0, two_records, 3);
	CHECK_EQ(stream_peek(&stream, &record), STREAM_MORE);
	stream_keep(&stream, &first);
	put(&stream, &later, 7, two_records + 7, TWO - 7);
	CHECK_EQ(stream_peek(&stream, &record), STREAM_AHEAD);
	CHECK(stream_waits_since(&stream, &since));
	stream_keep(&stream, &later);
	put(&stream, &first, 3, two_records + 3, 4);
	REQUIRE(stream_peek(&stream, &record) == STREAM_RECORD);
	CHECK_BYTES(record.data, record.len, two_records, 7);
	stream_keep(&stream, &first);
	stream_free(&stream);
}

TEST(record_is_found_behind_a_gap)
{
	static const char noise[] = "noise\x17\x03noise\x17\x03\x03\x7f\xff";
	struct stream_record record;
	struct stream stream;
	struct piece begin, gap, rest, last;

	stream_init(&stream);
	put(&stream, &begin, 0, two_records, 4);
	put(&stream, &gap, 4, NULL, 50);
	put(&stream, &rest, 54, noise, sizeof(noise) - 1);
	put(&stream, &last, 54 + sizeof(noise) - 1, two_records, TWO);
	CHECK_EQ(stream_peek(&stream, &record), STREAM_GAP);
	CHECK_EQ(stream_at(&stream), 0);
	CHECK_STR(stream_skip(&stream), "unseen");
	REQUIRE(stream_peek(&stream, &record) == STREAM_RECORD);
	CHECK_EQ(record.offset, 54 + sizeof(noise) - 1);
	stream_reject(&stream);
	REQUIRE(stream_peek(&stream, &record) == STREAM_RECORD);
	CHECK_EQ(record.len, 6);
	stream_free(&stream);
}

/* Secrets */

static struct secret some_secret(uint8_t label, uint8_t random, uint8_t byte)
{
	struct secret secret = { .label = label, .len = 48, .via = "births",
				 .has_random = random != 0 };

	memset(secret.random, random, sizeof(secret.random));
	memset(secret.bytes, byte, secret.len);
	return secret;
}

TEST(secrets_are_found_by_label_and_random)
{
	struct secret client = some_secret(LABEL_CLIENT_DATA, 1, 10);
	struct secret server = some_secret(LABEL_SERVER_DATA, 1, 11);
	struct secret other = some_secret(LABEL_SERVER_DATA, 2, 12);
	struct secrets secrets;
	const struct secret *found;

	REQUIRE(secrets_init(&secrets) == 0);
	CHECK(secrets_add(&secrets, &client));
	CHECK(secrets_add(&secrets, &server));
	CHECK(secrets_add(&secrets, &other));
	CHECK(!secrets_add(&secrets, &server));
	found = secrets_find(&secrets, NULL, LABEL_SERVER_DATA, server.random);
	REQUIRE(found);
	CHECK_EQ(found->bytes[0], 11);
	CHECK(!secrets_find(&secrets, found, LABEL_SERVER_DATA, server.random));
	CHECK(!secrets_find(&secrets, NULL, LABEL_MASTER, server.random));
	secrets_free(&secrets);
}

TEST(secrets_have_a_maximum)
{
	struct secrets secrets;
	struct secret secret = some_secret(LABEL_MASTER, 1, 1);

	REQUIRE(secrets_init(&secrets) == 0);
	for (uint32_t i = 0; i < MAX_SECRETS + 1000; i++) {
		memcpy(secret.random, &i, sizeof(i));
		CHECK(secrets_add(&secrets, &secret));
	}
	CHECK_EQ(secrets.count, MAX_SECRETS);
	CHECK(secrets_find(&secrets, NULL, LABEL_MASTER, secret.random));
	memset(secret.random, 0, 4);
	CHECK(!secrets_find(&secrets, NULL, LABEL_MASTER, secret.random));
	/* One random for all: somebody wants long lists. */
	for (uint32_t i = 0; i < 1000; i++) {
		memcpy(secret.bytes, &i, sizeof(i));
		secrets_add(&secrets, &secret);
	}
	CHECK(secrets.count <= MAX_SECRETS);
	secrets_free(&secrets);
}

TEST(lines_are_logged_once)
{
	uint8_t random[SECRET_RANDOM] = { 1 };
	struct secrets secrets;

	REQUIRE(secrets_init(&secrets) == 0);
	CHECK(secrets_log(&secrets, "CLIENT_RANDOM", random, TEXT("secret")));
	CHECK(!secrets_log(&secrets, "CLIENT_RANDOM", random, TEXT("secret")));
	CHECK(secrets_log(&secrets, "EXPORTER_SECRET", random, TEXT("secret")));
	for (uint32_t i = 0; i < MAX_LOGGED + 10; i++) {
		memcpy(random + 4, &i, sizeof(i));
		CHECK(secrets_log(&secrets, "x", random, TEXT("secret")));
	}
	CHECK(!secrets_log(&secrets, "x", random, TEXT("secret")));
	CHECK_EQ(secrets.logged.count, MAX_LOGGED);
	secrets_free(&secrets);
}

TEST(sessions_are_resumed_by_id)
{
	uint8_t master[48] = { 5 };
	struct secrets secrets;
	const char *via = NULL;

	REQUIRE(secrets_init(&secrets) == 0);
	for (uint32_t i = 0; i < MAX_RESUMABLE + 10; i++)
		secrets_keep(&secrets, (struct text){ (char *)&i, sizeof(i) }, master, "births");
	secrets_keep(&secrets, TEXT("ticket"), master, "memory");
	CHECK(!secrets_resume(&secrets, TEXT("\0\0\0\0"), &via));
	CHECK(!secrets_resume(&secrets, TEXT(""), &via));
	REQUIRE(secrets_resume(&secrets, TEXT("ticket"), &via));
	CHECK_STR(via, "memory");
	CHECK_EQ(secrets_resume(&secrets, TEXT("ticket"), &via)[0], 5);
	secrets_free(&secrets);
}

/* Key schedules: RFC 8448, 3 (server handshake traffic secret, its key and IV). */
TEST(tls13_keys_of_rfc_8448)
{
	static const uint8_t secret[] = {
		0xb6, 0x7b, 0x7d, 0x69, 0x0c, 0xc1, 0x6c, 0x4e, 0x75, 0xe5, 0x42, 0x13, 0xcb, 0x2d,
		0x37, 0xb4, 0xe9, 0xc9, 0x12, 0xbc, 0xde, 0xd9, 0x10, 0x5d, 0x42, 0xbe, 0xfd, 0x59,
		0xd3, 0x91, 0xad, 0x38,
	};
	static const uint8_t key[] = {
		0x3f, 0xce, 0x51, 0x60, 0x09, 0xc2, 0x17, 0x27, 0xd0, 0xf2, 0xe4, 0xe8, 0x6e, 0xe4,
		0x03, 0xbc,
	};
	static const uint8_t iv[] = {
		0x5d, 0x31, 0x3e, 0xb2, 0x67, 0x12, 0x76, 0xee, 0x13, 0x00, 0x0b, 0x30,
	};
	struct text text = { (const char *)secret, sizeof(secret) };
	struct keys keys;
	uint8_t got[16];

	REQUIRE(keys_init(&keys) == 0);
	CHECK_EQ(keys_expand(&keys, HASH_SHA256, text, "key", got, sizeof(key)), 0);
	CHECK_BYTES(got, sizeof(key), key, sizeof(key));
	CHECK_EQ(keys_expand(&keys, HASH_SHA256, text, "iv", got, sizeof(iv)), 0);
	CHECK_BYTES(got, sizeof(iv), iv, sizeof(iv));
	CHECK_EQ(keys_expand(&keys, HASH_SHA256, text, "key", got, 33), -EINVAL);
	keys_free(&keys);
}

TEST(suites_have_names)
{
	int known = 0;

	for (uint32_t id = 0; id < 0x10000; id++) {
		const struct suite *suite = suite_find((uint16_t)id);
		const char *name = names_cipher((uint16_t)id);

		if (!suite)
			continue;
		known++;
		if (!name)
			test_fail(__FILE__, __LINE__, "0x%04x has no name", id);
		else if ((strstr(name, "_GCM") != NULL) !=
			 (suite_kind(suite->cipher)->mode == MODE_GCM) ||
			 (strstr(name, "_CBC") != NULL) !=
			 (suite_kind(suite->cipher)->mode == MODE_CBC) ||
			 (strstr(name, "_CCM") != NULL) !=
			 (suite_kind(suite->cipher)->mode == MODE_CCM) ||
			 (strstr(name, "CCM_8") != NULL) != (suite->tag == 8) ||
			 (strstr(name, "256_") != NULL) !=
			 (suite_kind(suite->cipher)->key == 32 && !strstr(name, "CHACHA")) ||
			 (strstr(name, "SHA384") != NULL) != (suite->hash == HASH_SHA384))
			test_fail(__FILE__, __LINE__, "0x%04x is not as its name %s", id, name);
	}
	CHECK(known > 150);
}

TEST_MAIN()
