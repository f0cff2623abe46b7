#include "tls/hello.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hello_check.h"
#include "hello_messages.h"
#include "limits.h"
#include "test.h"

static struct text text_in(const struct message *message)
{
	return (struct text){ message->bytes, message->len };
}

/* Its bytes end where the memory does. */
static struct text at_the_edge(struct text body)
{
	static char *page;
	size_t size = 16384;

	if (!page) {
		page = mmap(NULL, size + 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED || mprotect(page, size, PROT_READ | PROT_WRITE))
			_exit(9);
	}
	memmove(page + size - body.len, body.data, body.len);
	return (struct text){ page + size - body.len, body.len };
}

TEST(hello_client_whole)
{
	struct message message = make_client(NULL);
	struct hello_client client;
	struct text name;
	uint16_t id;

	REQUIRE(hello_client(text_in(&message), &client) == 0);
	CHECK_EQ(client.legacy_version, TLS_1_2);
	CHECK_EQ(client.version, TLS_1_3);
	CHECK_BYTES(client.random, 32, "RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR", 32);
	CHECK_TEXT(client.session, "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS");
	CHECK_EQ(client.ciphers.len, 8);
	CHECK_TEXT(client.sni, "example.org");
	REQUIRE(hello_name(&client.alpn, &name));
	CHECK_TEXT(name, "h2");
	REQUIRE(hello_name(&client.alpn, &name));
	CHECK_TEXT(name, "http/1.1");
	CHECK(!hello_name(&client.alpn, &name));
	CHECK_EQ(client.versions.len, 6);
	REQUIRE(hello_id(&client.groups, &id) && hello_id(&client.groups, &id));
	CHECK_EQ(id, 4588);
	REQUIRE(hello_share(&client.shares, &id) && hello_grease(id));
	REQUIRE(hello_share(&client.shares, &id) && !hello_grease(id));
	CHECK_EQ(id, 29);
	CHECK(!hello_share(&client.shares, &id));
	CHECK(client.psk);
	REQUIRE(hello_identity(&client.identities, &name));
	CHECK_TEXT(name, "ticket-one");
	REQUIRE(hello_identity(&client.identities, &name));
	CHECK_TEXT(name, "two");
	CHECK(!hello_identity(&client.identities, &name));
	CHECK_EQ(client.binders.len, 33 + 49);
	CHECK(client.has_ticket);
	CHECK_TEXT(client.ticket, "old ticket");
	CHECK(client.early_data && client.encrypt_then_mac && client.extended_master_secret);
	CHECK(client.ech && client.post_handshake_auth && client.next_protocol);
	CHECK(client.renegotiation);
	CHECK_TEXT(client.renegotiated, "verify");
	CHECK_EQ(client.record_size_limit, 16385);
	CHECK_EQ(client.max_fragment, 4);
}

/* As openssl s_client 3.0 sent it, without the record's head. */
static const char openssl_hello[] =
	"010001460303"
	"6cb3f045fc0ffec3f886e24c8c5631d0efc8517a10691c78310c327cc5ac62f520"
	"4716933ea793386d5d1d42ad90a3a20a352beb440f299c9ef91dfeb1ed4aeac5003e"
	"130213031301c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009"
	"c0130033009d009c003d003c0035002f00ff010000bf00000010000e00000b6578616d706c652e6f7267000b"
	"000403000102000a00160014001d0017001e0019001801000101010201030104002300000010000e000c0268"
	"3208687474702f312e310016000000170000000d002a0028040305030603080708080809080a080b08040805"
	"0806040105010601030303010302040205020602002b0009080304030303020301002d000201010033002600"
	"24001d0020f70ba03ebe69fabbcc3af094c1b328e791471a0e71f727a90e32efb6d0cc030f";

static size_t from_hex(const char *hex, char *bytes)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		unsigned byte;

		sscanf(hex + 2 * i, "%2x", &byte);
		bytes[i] = (char)byte;
	}
	return len;
}

TEST(hello_client_of_openssl)
{
	char bytes[1024];
	struct text left = { bytes, from_hex(openssl_hello, bytes) };
	struct hello_message message;
	struct hello_client client;
	uint16_t id;

	REQUIRE(hello_next(&left, &message) == 1);
	CHECK_EQ(left.len, 0);
	CHECK_EQ(message.type, HELLO_CLIENT);
	CHECK_EQ(message.whole.len, message.body.len + 4);
	REQUIRE(hello_client(message.body, &client) == 0);
	CHECK_EQ(client.version, TLS_1_3);
	CHECK_TEXT(client.sni, "example.org");
	CHECK_BYTES(client.alpn.data, client.alpn.len, "\2h2\10http/1.1", 12);
	CHECK(client.encrypt_then_mac && client.extended_master_secret && client.renegotiation);
	CHECK(client.has_ticket && !client.ticket.len && !client.psk && !client.early_data);
	CHECK(!client.ech && !client.renegotiated.len);
	REQUIRE(hello_share(&client.shares, &id));
	CHECK_STR(names_group(id), "x25519");
	REQUIRE(hello_id(&client.ciphers, &id));
	CHECK_STR(names_cipher(id), "TLS_AES_256_GCM_SHA384");
}

TEST(hello_client_versions)
{
	static const struct { uint16_t legacy; uint16_t offers[3]; uint16_t version; } known[] = {
		{ 0x0303, { 0 }, 0x0303 }, { 0x0301, { 0 }, 0x0301 }, { 0x0300, { 0 }, 0x0300 },
		{ 0x0303, { 0x0303, 0x0302, 0x0301 }, 0x0303 },
		{ 0x0303, { 0x0301, 0x0304, 0x7f1c }, 0x0304 },
		{ 0x0303, { 0x0a0a, 0x7f1c, 0xfafa }, 0 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		struct message message = {};
		struct hello_client client;

		put(&message, known[i].legacy, 2);
		put_fill(&message, 0, 32);
		vector(&message, 1, "", 0);
		vector(&message, 2, "\0\4", 2);
		vector(&message, 1, "", 1);
		if (known[i].offers[0]) {
			begin(&message, 2);
			extension(&message, 43);
			begin(&message, 1);
			for (int n = 0; n < 3; n++)
				put(&message, known[i].offers[n], 2);
			end(&message);
			end(&message);
			end(&message);
		}
		REQUIRE(hello_client(text_in(&message), &client) == 0);
		CHECK_EQ(client.version, known[i].version);
		CHECK(!client.renegotiation && !client.session.len && !client.sni.len);
	}
}

/* A hello with these extensions. */
static int client_with(const char *extensions, size_t len, struct hello_client *client)
{
	struct message message = {};

	put_client_head(&message);
	vector(&message, 2, extensions, len);
	return hello_client(at_the_edge(text_in(&message)), client);
}

#define CLIENT_WITH(extensions, client) client_with(extensions, sizeof(extensions) - 1, client)

TEST(hello_client_malformed)
{
	struct hello_client client;

	CHECK_EQ(CLIENT_WITH("", &client), 0);
	CHECK_EQ(CLIENT_WITH("\0\x16\0\0\0\x16\0\0", &client), -EINVAL);         /* twice */
	CHECK_EQ(CLIENT_WITH("\0\x16\0\1x", &client), -EINVAL);                  /* must be empty */
	CHECK_EQ(CLIENT_WITH("\0\x16\0\1", &client), -EINVAL);                   /* cut */
	CHECK_EQ(CLIENT_WITH("\0\x16\0", &client), -EINVAL);
	CHECK_EQ(CLIENT_WITH("\0\x10\0\2\0\0", &client), -EINVAL);               /* no protocol */
	CHECK_EQ(CLIENT_WITH("\0\x10\0\3\0\1\0", &client), -EINVAL);             /* an empty one */
	CHECK_EQ(CLIENT_WITH("\0\x10\0\5\0\3\3h2", &client), -EINVAL);           /* one too long */
	CHECK_EQ(CLIENT_WITH("\0\x2b\0\4\3\3\4\3", &client), -EINVAL);           /* odd */
	CHECK_EQ(CLIENT_WITH("\0\x0a\0\2\0\0", &client), -EINVAL);
	CHECK_EQ(CLIENT_WITH("\0\0\0\x0a\0\x08\0\0\1a\0\0\1b", &client), -EINVAL); /* two host names */
	CHECK_EQ(CLIENT_WITH("\0\0\0\x0a\0\x08\1\0\1a\0\0\1b", &client), 0);     /* one of another kind */
	CHECK_TEXT(client.sni, "b");
	CHECK_EQ(CLIENT_WITH("\0\x33\0\2\0\0", &client), 0);                     /* no share yet */
	CHECK_EQ(CLIENT_WITH("\0\x33\0\5\0\3\0\x1d\0", &client), -EINVAL);
	CHECK_EQ(CLIENT_WITH("\xfe\x0d\0\1\1", &client), 0);                     /* the inner kind */
	CHECK(!client.ech);
}

TEST(hello_client_psk_is_last)
{
	struct message message = {}, more;
	struct hello_client client;

	put_client_head(&message);
	begin(&message, 2);
	put_psk(&message);
	more = message;
	end(&message);
	CHECK_EQ(hello_client(text_in(&message), &client), 0);
	empty_extension(&more, 23);
	end(&more);
	CHECK_EQ(hello_client(text_in(&more), &client), -EINVAL);
}

TEST(hello_server_of_13)
{
	struct message message = make_server(NULL);
	struct hello_client client = {};
	struct hello_server server;

	REQUIRE(hello_server(text_in(&message), &server) == 0);
	CHECK_EQ(server.legacy_version, TLS_1_2);
	CHECK_EQ(server.version, TLS_1_3);
	CHECK_BYTES(server.random, 32, "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", 32);
	CHECK(!server.retry && server.psk);
	CHECK_TEXT(server.session, "session");
	CHECK_EQ(server.cipher, 0x1301);
	CHECK_EQ(server.selected, 1);
	CHECK_EQ(server.group, 29);
	CHECK_EQ(hello_resumed(&client, &server), 1);
	server.psk = false;
	client.session = server.session; /* an echo says nothing here */
	CHECK_EQ(hello_resumed(&client, &server), 0);
}

TEST(hello_server_of_12)
{
	struct message message = {};
	struct hello_client client = {};
	struct hello_server server;

	put_server_head(&message, 0xc02f);
	begin(&message, 2);
	extension(&message, 16);
	begin(&message, 2);
	vector(&message, 1, "h2", 2);
	end(&message);
	end(&message);
	empty_extension(&message, 22);
	empty_extension(&message, 23);
	empty_extension(&message, 35);
	empty_extension(&message, 0);
	extension(&message, 11);
	vector(&message, 1, "", 1);
	end(&message);
	extension(&message, 0xff01);
	vector(&message, 1, "", 0);
	end(&message);
	extension(&message, 13172);
	vector(&message, 1, "spdy/3", 6);
	end(&message);
	extension(&message, 1);
	put(&message, 2, 1);
	end(&message);
	end(&message);
	REQUIRE(hello_server(text_in(&message), &server) == 0);
	CHECK_EQ(server.version, TLS_1_2);
	CHECK_TEXT(server.alpn, "h2");
	CHECK(server.encrypt_then_mac && server.extended_master_secret && server.has_ticket);
	CHECK(server.renegotiation && server.next_protocol && !server.psk && !server.group);
	CHECK_EQ(server.max_fragment, 2);

	client.session = TEXT("session");
	CHECK_EQ(hello_resumed(&client, &server), 1);
	client.session = TEXT("another");
	CHECK_EQ(hello_resumed(&client, &server), 0);
	client.session = TEXT("");
	CHECK_EQ(hello_resumed(&client, &server), 0);
	client.ticket = TEXT("ticket");
	CHECK_EQ(hello_resumed(&client, &server), -1);
}

TEST(hello_server_retry)
{
	static const char random[] =
		"cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
	struct message message = {};
	struct hello_server server;

	put(&message, 0x0303, 2);
	message.len += from_hex(random, message.bytes + message.len);
	vector(&message, 1, "", 0);
	put(&message, 0x1302, 2);
	put(&message, 0, 1);
	begin(&message, 2);
	extension(&message, 51);
	put(&message, 24, 2);
	end(&message);
	extension(&message, 44); /* cookie */
	vector(&message, 2, "cookie", 6);
	end(&message);
	extension(&message, 43);
	put(&message, 0x0304, 2);
	end(&message);
	end(&message);
	REQUIRE(hello_server(text_in(&message), &server) == 0);
	CHECK(server.retry);
	CHECK_EQ(server.group, 24);
	message.bytes[2] ^= 1; /* then the share lacks its key */
	CHECK_EQ(hello_server(text_in(&message), &server), -EINVAL);
}

TEST(hello_server_takes_one_protocol)
{
	struct message message = {};
	struct hello_server server;

	put_server_head(&message, 0xc02f);
	begin(&message, 2);
	extension(&message, 16);
	begin(&message, 2);
	vector(&message, 1, "h2", 2);
	vector(&message, 1, "h3", 2);
	end(&message);
	end(&message);
	end(&message);
	CHECK_EQ(hello_server(text_in(&message), &server), -EINVAL);
}

TEST(hello_encrypted_extensions)
{
	struct message message = make_extensions();
	struct hello_extensions extensions;

	REQUIRE(hello_extensions(text_in(&message), &extensions) == 0);
	CHECK_TEXT(extensions.alpn, "http/1.1");
	CHECK(extensions.early_data && extensions.ech_refused);
	CHECK_EQ(extensions.record_size_limit, 4096);
	REQUIRE(hello_extensions(TEXT("\0\0"), &extensions) == 0);
	CHECK(!extensions.alpn.len && !extensions.early_data);
	CHECK_EQ(hello_extensions(TEXT("\0\0x"), &extensions), -EINVAL);
	CHECK_EQ(hello_extensions(TEXT(""), &extensions), -EINVAL);
}

TEST(hello_certificates_of_both)
{
	for (int tls13 = 0; tls13 < 2; tls13++) {
		struct message message = make_certificates(tls13);
		struct hello_certificates certificates;
		uint16_t version = tls13 ? TLS_1_3 : TLS_1_2;
		struct text der;

		REQUIRE(hello_certificates(text_in(&message), version, &certificates) == 0);
		CHECK_TEXT(certificates.context, tls13 ? "context" : "");
		REQUIRE(hello_certificate_next(&certificates, &der));
		CHECK_TEXT(der, "first certificate");
		REQUIRE(hello_certificate_next(&certificates, &der));
		CHECK_TEXT(der, "second");
		CHECK(!hello_certificate_next(&certificates, &der));
		CHECK_EQ(hello_certificates(text_in(&message), tls13 ? TLS_1_2 : TLS_1_3, &certificates),
			 -EINVAL);
	}
}

/* A client without a certificate sends none. */
TEST(hello_no_certificates)
{
	struct hello_certificates certificates;
	struct text der;

	CHECK_EQ(hello_certificates(TEXT("\0\0\0"), TLS_1_2, &certificates), 0);
	CHECK(!hello_certificate_next(&certificates, &der));
	CHECK_EQ(hello_certificates(TEXT("\0\0\0\0"), TLS_1_3, &certificates), 0);
	CHECK(!hello_certificate_next(&certificates, &der));
	CHECK_EQ(hello_certificates(TEXT("\0\0\3\0\0\0"), TLS_1_2, &certificates), -EINVAL);
}

TEST(hello_compressed_certificates)
{
	struct message inside = make_certificates(true);
	struct message message = make_compressed(&inside, inside.len);
	struct hello_compressed compressed;
	char to[4096];

	REQUIRE(hello_compressed(text_in(&message), &compressed) == 0);
	CHECK_STR(hello_compression(compressed.algorithm), "zlib");
	REQUIRE(compressed.len == inside.len);
	CHECK_EQ(hello_decompress(&compressed, to), 0);
	CHECK_BYTES(to, compressed.len, inside.bytes, inside.len);
	compressed.algorithm = 2;
	CHECK_EQ(hello_decompress(&compressed, to), -EOPNOTSUPP);
	CHECK_STR(hello_compression(3), "zstd");
	CHECK(!hello_compression(0) && !hello_compression(4) && !hello_compression(0xffff));
}

TEST(hello_compressed_lies)
{
	struct message inside = make_certificates(true), message;
	struct hello_compressed compressed;
	char to[4096];

	message = make_compressed(&inside, inside.len - 1);
	REQUIRE(hello_compressed(text_in(&message), &compressed) == 0);
	CHECK_EQ(hello_decompress(&compressed, to), -EINVAL);
	message = make_compressed(&inside, inside.len + 1);
	REQUIRE(hello_compressed(text_in(&message), &compressed) == 0);
	CHECK_EQ(hello_decompress(&compressed, to), -EINVAL);
	message.bytes[message.len - 20] ^= 1;
	REQUIRE(hello_compressed(text_in(&message), &compressed) == 0);
	CHECK_EQ(hello_decompress(&compressed, to), -EINVAL);
	message = make_compressed(&inside, MAX_HANDSHAKE + 1);
	CHECK_EQ(hello_compressed(text_in(&message), &compressed), -EINVAL);
}

TEST(hello_certificate_requests)
{
	static const char old[] = "\2\1\100\0\4\4\3\5\3\0\6\0\4name";
	static const char older[] = "\2\1\100\0\6\0\4name";
	static const char new[] = "\3ctx\0\14\0\57\0\10\0\6\0\4name";
	struct hello_certificate_request request;

	REQUIRE(hello_certificate_request(TEXT(old), TLS_1_2, &request) == 0);
	CHECK_BYTES(request.authorities.data, request.authorities.len, "\0\4name", 6);
	REQUIRE(hello_certificate_request(TEXT(older), TLS_1_1, &request) == 0);
	CHECK_BYTES(request.authorities.data, request.authorities.len, "\0\4name", 6);
	REQUIRE(hello_certificate_request(TEXT(new), TLS_1_3, &request) == 0);
	CHECK_TEXT(request.context, "ctx");
	CHECK_BYTES(request.authorities.data, request.authorities.len, "\0\4name", 6);
	CHECK_EQ(hello_certificate_request(TEXT(old), TLS_1_3, &request), -EINVAL);
	CHECK_EQ(hello_certificate_request(TEXT("\1\1\0\0\0\2\0\0"), TLS_1_2, &request), -EINVAL);
}

TEST(hello_tickets)
{
	static const char old[] = "\0\0\x1c\x20\0\6ticket";
	static const char new[] = "\0\1\x51\x80\1\2\3\4\1n\0\6ticket\0\10\0\52\0\4\0\0\100\0";
	struct hello_ticket ticket;

	REQUIRE(hello_ticket(TEXT(old), TLS_1_2, &ticket) == 0);
	CHECK_EQ(ticket.lifetime, 7200);
	CHECK_TEXT(ticket.ticket, "ticket");
	CHECK_EQ(hello_ticket(TEXT("\0\0\0\0\0\0"), TLS_1_2, &ticket), 0); /* none after all */
	REQUIRE(hello_ticket(TEXT(new), TLS_1_3, &ticket) == 0);
	CHECK_EQ(ticket.lifetime, 86400);
	CHECK_EQ(ticket.age_add, 0x01020304);
	CHECK_TEXT(ticket.nonce, "n");
	CHECK_TEXT(ticket.ticket, "ticket");
	CHECK(ticket.early_data);
	CHECK_EQ(ticket.max_early_data, 16384);
	CHECK_EQ(hello_ticket(TEXT("\0\0\0\0\0\0\0\0\1n\0\0\0\0"), TLS_1_3, &ticket), -EINVAL);
}

TEST(hello_small_messages)
{
	static const char exchange[] = "\3\0\x1d\2kk\4\3\0\3sig";
	static const char with_psk[] = "\0\4hint\3\0\x17\2kk";
	struct text name;
	uint16_t group;
	bool requested;

	CHECK(hello_key_update(TEXT("\1"), &requested) == 0 && requested);
	CHECK(hello_key_update(TEXT("\0"), &requested) == 0 && !requested);
	CHECK_EQ(hello_key_update(TEXT("\2"), &requested), -EINVAL);
	CHECK_EQ(hello_key_update(TEXT(""), &requested), -EINVAL);
	CHECK_EQ(hello_key_update(TEXT("\0\0"), &requested), -EINVAL);
	CHECK(hello_key_exchange(TEXT(exchange), 0xc02f, &group) == 0 && group == 29);
	CHECK(hello_key_exchange(TEXT(with_psk), 0xc035, &group) == 0 && group == 23);
	CHECK(hello_key_exchange(TEXT(exchange), 0x009e, &group) == 0 && group == 0); /* DHE */
	CHECK(hello_key_exchange(TEXT(exchange), 0xeeee, &group) == 0 && group == 0);
	CHECK_EQ(hello_key_exchange(TEXT("\3\0\x1d\2k"), 0xc02f, &group), -EINVAL);
	CHECK(hello_next_protocol(TEXT("\2h2\3xxx"), &name) == 0);
	CHECK_TEXT(name, "h2");
	CHECK_EQ(hello_next_protocol(TEXT("\2h2\3xx"), &name), -EINVAL);
}

TEST(hello_messages_one_by_one)
{
	static const char bytes[] = "\1\0\0\3abc\2\0\0\0\24\0\1\0x";
	struct text left = TEXT(bytes);
	struct hello_message message;

	REQUIRE(hello_next(&left, &message) == 1);
	CHECK_EQ(message.type, HELLO_CLIENT);
	CHECK_TEXT(message.body, "abc");
	CHECK_EQ(message.whole.len, 7);
	REQUIRE(hello_next(&left, &message) == 1);
	CHECK_EQ(message.type, HELLO_SERVER);
	CHECK_EQ(message.body.len, 0);
	CHECK_EQ(hello_next(&left, &message), 0); /* 256 bytes are to come */
	CHECK_EQ(left.len, 5);
	for (left.len = 0; left.len < 4; left.len++)
		CHECK_EQ(hello_next(&left, &message), 0);
	left = TEXT("\1\4\0\1");
	CHECK_EQ(hello_next(&left, &message), -EINVAL);
	left = TEXT("\1\4\0\0"); /* MAX_HANDSHAKE */
	CHECK_EQ(hello_next(&left, &message), 0);
}

/* Which of the messages make sense when cut at `len`. */
static void check_cuts(const struct message *message, size_t also, int (*parse)(struct text))
{
	for (size_t len = 0; len < message->len; len++) {
		struct text body = at_the_edge((struct text){ message->bytes, len });

		if (parse(body) != (len == also ? 0 : -EINVAL))
			test_fail(__FILE__, __LINE__, "cut at %zu of %zu", len, message->len);
		CHECK(hello_check_all(body, 0xc02f));
	}
	CHECK_EQ(parse(at_the_edge(text_in(message))), 0);
}

static int parse_client(struct text body)
{
	struct hello_client client;

	return hello_client(body, &client);
}

static int parse_server(struct text body)
{
	struct hello_server server;

	return hello_server(body, &server);
}

static int parse_extensions(struct text body)
{
	struct hello_extensions extensions;

	return hello_extensions(body, &extensions);
}

static int parse_12(struct text body)
{
	struct hello_certificates certificates;

	return hello_certificates(body, TLS_1_2, &certificates);
}

static int parse_13(struct text body)
{
	struct hello_certificates certificates;

	return hello_certificates(body, TLS_1_3, &certificates);
}

static int parse_compressed(struct text body)
{
	struct hello_compressed compressed;

	return hello_compressed(body, &compressed);
}

TEST(hello_cut_anywhere)
{
	size_t head;
	struct message message = make_client(&head), inside;

	check_cuts(&message, head, parse_client);
	message = make_server(&head);
	check_cuts(&message, head, parse_server);
	message = make_extensions();
	check_cuts(&message, SIZE_MAX, parse_extensions);
	message = make_certificates(false);
	check_cuts(&message, SIZE_MAX, parse_12);
	message = inside = make_certificates(true);
	check_cuts(&message, SIZE_MAX, parse_13);
	message = make_compressed(&inside, inside.len);
	check_cuts(&message, SIZE_MAX, parse_compressed);
}

static void check_flips(const struct message *message)
{
	for (size_t at = 0; at < message->len; at++)
		for (int bit = 0; bit < 9; bit++) {
			struct text body = at_the_edge(text_in(message));

			((char *)body.data)[at] ^= bit < 8 ? 1 << bit : 0xff;
			if (!hello_check_all(body, 0xc02f))
				test_fail(__FILE__, __LINE__, "byte %zu, bit %d", at, bit);
		}
}

TEST(hello_any_byte_wrong)
{
	struct message message = make_client(NULL), inside;

	check_flips(&message);
	message = make_server(NULL);
	check_flips(&message);
	message = make_extensions();
	check_flips(&message);
	message = make_certificates(false);
	check_flips(&message);
	message = inside = make_certificates(true);
	check_flips(&message);
	message = make_compressed(&inside, inside.len);
	check_flips(&message);
}

TEST(hello_names)
{
	CHECK_STR(names_cipher(0x1301), "TLS_AES_128_GCM_SHA256");
	CHECK_STR(names_cipher(0x1303), "TLS_CHACHA20_POLY1305_SHA256");
	CHECK_STR(names_cipher(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
	CHECK_STR(names_cipher(0xc0ac), "TLS_ECDHE_ECDSA_WITH_AES_128_CCM");
	CHECK_STR(names_cipher(0xcca9), "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
	CHECK_STR(names_cipher(0x0000), "TLS_NULL_WITH_NULL_NULL");
	CHECK_STR(names_cipher(0xd005), "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256");
	CHECK(!names_cipher(0x0a0a) && !names_cipher(0xffff) && !names_cipher(0x001d));
	CHECK_STR(names_version(TLS_1_3), "TLS 1.3");
	CHECK_STR(names_version(0x0300), "SSL 3.0");
	CHECK(!names_version(0x0305));
	CHECK_STR(names_group(4588), "X25519MLKEM768");
	CHECK(!names_group(0));
	CHECK_STR(names_alert(48), "unknown certificate authority");
	CHECK_STR(names_alert(42), "bad certificate");
	CHECK(!names_alert(1) && !names_alert(255));
}

/* The search by halves needs the order, and every name is of one suite only. */
TEST(hello_every_cipher_is_found_once)
{
	const char *names[512];
	size_t count = 0;

	for (uint32_t id = 0; id < 0x10000; id++) {
		const char *name = names_cipher((uint16_t)id);

		if (!name)
			continue;
		REQUIRE(count < 512);
		CHECK(strncmp(name, "TLS_", 4) == 0 && !hello_grease((uint16_t)id));
		for (size_t i = 0; i < count; i++)
			CHECK(strcmp(names[i], name) != 0);
		names[count++] = name;
	}
	CHECK_EQ(count, 352);
}

TEST_MAIN()
