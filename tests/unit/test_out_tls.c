#include "out_facts.h"

static const struct out_options wordy = { .clock_offset = 1772321696 * S, .zone_offset = 3600, .verbose = 1 };

#define YEAR_2026 1767225600
#define YEAR_2027 1798761600
#define TO "  tcp 127.0.0.1:40000 -> 127.0.0.1:8088\n"

static const char names[] = "DNS:example.org\0DNS:www.example.org\0IP:127.0.0.1\0DNS:a\0URI:https://x/";

static const struct fact_cert certs[] = {
	{ .subject = TEXT("CN=example.org, O=Example"), .issuer = TEXT("CN=R3, O=\"Some, Inc.\""),
	  .san = { names, sizeof(names) }, .not_before = YEAR_2026, .not_after = YEAR_2027 },
	{ .subject = TEXT("CN=R3, O=\"Some, Inc.\""), .issuer = TEXT("CN=Root"),
	  .not_before = CERT_TIME_UNKNOWN, .not_after = 253402300799, .is_ca = true },
};

static const struct fact_cert simple = {
	.subject = TEXT("CN=example.org"), .issuer = TEXT("CN=R3"), .san = { names, 16 },
	.not_before = YEAR_2026, .not_after = YEAR_2027
};

static struct fact handshake(const struct conn *conn)
{
	struct fact tls = fact(FACT_TLS, conn);

	tls.tls = (struct fact_tls){
		.moment = TLS_HANDSHAKE, .client_dir = DIR_OUT, .client_dir_known = true,
		.version = "TLS 1.3", .cipher = "TLS_AES_128_GCM_SHA256",
		.sni = TEXT("example.org"), .alpn = TEXT("h2"), .duration = 3200000,
		.certs = &simple, .cert_count = 1, .via = "births"
	};
	return tls;
}

TEST(tls_handshake)
{
	struct conn c = conn();
	struct fact tls = handshake(&c);

	check_fact("text", &plain, &tls, BEGIN "c1    tls       TLS 1.3  AES_128_GCM_SHA256  example.org  h2  "
		   "full 3.2 ms  cert CN=example.org by CN=R3 until 2027-01-01  via births" TO);
	check_fact("json", &plain, &tls, HEAD "tls" WHO ",\"conn\":\"c1\",\"moment\":\"handshake\",\"role\":\"client\","
		   "\"sni\":\"example.org\",\"version\":\"TLS 1.3\",\"cipher\":\"TLS_AES_128_GCM_SHA256\",\"alpn\":\"h2\","
		   "\"resumed\":false,\"handshake_ms\":3.200,\"certs\":[{\"is_ca\":false,\"subject\":\"CN=example.org\","
		   "\"issuer\":\"CN=R3\",\"not_before\":\"2026-01-01T00:00:00Z\",\"not_after\":\"2027-01-01T00:00:00Z\","
		   "\"san\":[\"DNS:example.org\"]}],\"via\":\"births\"" TCP);
	check_fact("text", &colour, &tls, "\033[2m00:34:56.789012\033[0m curl[1234]            c1    tls       TLS 1.3  "
		   "AES_128_GCM_SHA256  example.org  h2  full 3.2 ms  cert CN=example.org by CN=R3 until 2027-01-01"
		   "\033[2m  via births  tcp 127.0.0.1:40000 -> 127.0.0.1:8088\033[0m\n");
}

TEST(tls_resumed_by_a_server)
{
	struct conn c = conn();
	struct fact tls = handshake(&c);

	tls.tls.client_dir = DIR_IN;
	tls.tls.resumed = 1;
	tls.tls.early_data = tls.tls.hello_retry = true;
	tls.tls.cert_count = 0;
	tls.tls.version = "TLS 1.2";
	tls.tls.cipher = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
	check_fact("text", &plain, &tls, BEGIN "c1    tls       TLS 1.2  ECDHE_RSA_WITH_AES_128_GCM_SHA256  example.org  "
		   "h2  resumed 3.2 ms  early data  retried  via births  tcp 127.0.0.1:40000 <- 127.0.0.1:8088\n");
	check_fact("json", &plain, &tls, HEAD "tls" WHO ",\"conn\":\"c1\",\"moment\":\"handshake\",\"role\":\"server\","
		   "\"sni\":\"example.org\",\"version\":\"TLS 1.2\",\"cipher\":\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\","
		   "\"alpn\":\"h2\",\"resumed\":true,\"early_data\":true,\"hello_retry\":true,\"handshake_ms\":3.200,"
		   "\"via\":\"births\"" TCP);
}

TEST(tls_nothing_known)
{
	struct fact tls = fact(FACT_TLS, NULL);

	tls.tls = (struct fact_tls){ .moment = TLS_HANDSHAKE, .resumed = -1, .duration = -1 };
	check_fact("text", &plain, &tls, BEGIN "-     tls       \n");
	check_fact("json", &plain, &tls, HEAD "tls" WHO ",\"moment\":\"handshake\"}\n");
	tls.tls.duration = 1500;
	tls.tls.version = "TLS 1.3";
	check_fact("text", &plain, &tls, BEGIN "-     tls       TLS 1.3  1.5 us\n");
}

TEST(tls_certificates)
{
	struct conn c = conn();
	struct fact tls = handshake(&c);

	tls.tls.certs = certs;
	tls.tls.cert_count = 2;
	tls.tls.client_certs = &simple;
	tls.tls.client_cert_count = 1;
#define LINE BEGIN "c1    tls       TLS 1.3  AES_128_GCM_SHA256  example.org  h2  full 3.2 ms  " \
	"cert CN=example.org, O=Example for example.org, www.example.org, IP:127.0.0.1, +2 by CN=R3, O=\"Some, Inc.\" " \
	"until 2027-01-01  client cert CN=example.org by CN=R3 until 2027-01-01  via births" TO
	check_fact("text", &plain, &tls, LINE);
	check_fact("text", &wordy, &tls, LINE
		   "    server cert 1 CN=example.org, O=Example for example.org, www.example.org, IP:127.0.0.1, a, "
		   "URI:https://x/ by CN=R3, O=\"Some, Inc.\", from 2026-01-01, until 2027-01-01\n"
		   "    server cert 2 (CA) CN=R3, O=\"Some, Inc.\" by CN=Root, until 9999-12-31\n"
		   "    client cert 1 CN=example.org by CN=R3, from 2026-01-01, until 2027-01-01\n");
	check_fact("json", &wordy, &tls, HEAD "tls" WHO ",\"conn\":\"c1\",\"moment\":\"handshake\",\"role\":\"client\","
		   "\"sni\":\"example.org\",\"version\":\"TLS 1.3\",\"cipher\":\"TLS_AES_128_GCM_SHA256\",\"alpn\":\"h2\","
		   "\"resumed\":false,\"handshake_ms\":3.200,\"certs\":[{\"is_ca\":false,"
		   "\"subject\":\"CN=example.org, O=Example\",\"issuer\":\"CN=R3, O=\\\"Some, Inc.\\\"\","
		   "\"not_before\":\"2026-01-01T00:00:00Z\",\"not_after\":\"2027-01-01T00:00:00Z\","
		   "\"san\":[\"DNS:example.org\",\"DNS:www.example.org\",\"IP:127.0.0.1\",\"DNS:a\",\"URI:https://x/\"]},"
		   "{\"is_ca\":true,\"subject\":\"CN=R3, O=\\\"Some, Inc.\\\"\",\"issuer\":\"CN=Root\","
		   "\"not_after\":\"9999-12-31T23:59:59Z\"}],\"client_certs\":[{\"is_ca\":false,"
		   "\"subject\":\"CN=example.org\",\"issuer\":\"CN=R3\",\"not_before\":\"2026-01-01T00:00:00Z\","
		   "\"not_after\":\"2027-01-01T00:00:00Z\",\"san\":[\"DNS:example.org\"]}],\"via\":\"births\"" TCP);
}

TEST(tls_certificates_out_of_time)
{
	static const struct { int64_t from, until; const char *words; } known[] = {
		{ YEAR_2026, YEAR_2027, " until 2027-01-01" }, { YEAR_2026, YEAR_2026 + 1, " EXPIRED 2026-01-01" },
		{ YEAR_2027, YEAR_2027, " NOT VALID BEFORE 2027-01-01" }, { CERT_TIME_UNKNOWN, CERT_TIME_UNKNOWN, "" },
		{ CERT_TIME_UNKNOWN, -631152000, " EXPIRED 1950-01-01" }, { 0, INT64_MAX, "" },
		{ -62167219200, 1772321696, " until 2026-02-28" }, { 0, -62167219200, " EXPIRED 0000-01-01" },
	};
	struct fact tls = fact(FACT_TLS, NULL);
	struct fact_cert cert = { 0 };
	char wanted[256];

	tls.tls = (struct fact_tls){ .moment = TLS_HANDSHAKE, .resumed = -1, .duration = -1, .certs = &cert, .cert_count = 1 };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		cert.not_before = known[i].from;
		cert.not_after = known[i].until;
		snprintf(wanted, sizeof(wanted), BEGIN "-     tls       cert%s\n", known[i].words);
		check_fact("text", &plain, &tls, wanted);
	}
	cert.not_after = 0;
	check_fact("text", &colour, &tls, "\033[2m00:34:56.789012\033[0m curl[1234]            -     tls       cert"
		   "\033[33m EXPIRED 1970-01-01\033[0m\n");
	check_fact("json", &plain, &tls, HEAD "tls" WHO ",\"moment\":\"handshake\",\"certs\":[{\"is_ca\":false,"
		   "\"not_before\":\"1970-01-01T00:00:00Z\",\"not_after\":\"1970-01-01T00:00:00Z\"}]}\n");
}

TEST(tls_handshake_failed)
{
	struct conn c = conn();
	struct fact tls = handshake(&c);

	tls.tls.error = TEXT("the client says: unknown certificate authority");
	tls.tls.resumed = -1;
	tls.tls.via = NULL;
	check_fact("text", &plain, &tls, BEGIN "c1    tls       TLS 1.3  AES_128_GCM_SHA256  example.org  h2  "
		   "failed: the client says: unknown certificate authority (3.2 ms)  cert CN=example.org by CN=R3 until 2027-01-01" TO);
	tls.tls.cert_count = 0;
	check_fact("text", &colour, &tls, "\033[2m00:34:56.789012\033[0m curl[1234]            c1    \033[31mtls\033[0m       "
		   "TLS 1.3  AES_128_GCM_SHA256  example.org  h2  \033[31mfailed: the client says: unknown certificate "
		   "authority\033[0m (3.2 ms)\033[2m  tcp 127.0.0.1:40000 -> 127.0.0.1:8088\033[0m\n");
	check_fact("json", &plain, &tls, HEAD "tls" WHO ",\"conn\":\"c1\",\"moment\":\"handshake\",\"role\":\"client\","
		   "\"sni\":\"example.org\",\"version\":\"TLS 1.3\",\"cipher\":\"TLS_AES_128_GCM_SHA256\",\"alpn\":\"h2\","
		   "\"handshake_ms\":3.200,\"error\":\"the client says: unknown certificate authority\"" TCP);
}

TEST(tls_alert_and_unseen)
{
	struct conn c = conn();
	struct fact tls = fact(FACT_TLS, &c);

	tls.tls = (struct fact_tls){ .moment = TLS_ALERT, .duration = -1, .error = TEXT("internal error") };
	check_fact("text", &plain, &tls, BEGIN "c1    tls       alert: internal error  tcp 127.0.0.1:40000 <-> 127.0.0.1:8088\n");
	check_fact("json", &plain, &tls, HEAD "tls" WHO ",\"conn\":\"c1\",\"moment\":\"alert\",\"error\":\"internal error\"" TCP);
	tls.tls.moment = TLS_UNSEEN;
	tls.tls.error = TEXT("no key was seen");
	tls.tls.version = "TLS 1.3";
	tls.tls.sni = TEXT("example.org");
	check_fact("text", &plain, &tls, BEGIN "c1    tls       TLS 1.3  example.org  not shown in the clear: no key was seen  tcp 127.0.0.1:40000 <-> 127.0.0.1:8088\n");
	tls.tls.version = NULL;
	tls.tls.sni.len = 0;
	check_fact("text", &plain, &tls, BEGIN "c1    tls       not shown in the clear: no key was seen  tcp 127.0.0.1:40000 <-> 127.0.0.1:8088\n");
	check_fact("text", &colour, &tls, "\033[2m00:34:56.789012\033[0m curl[1234]            c1    \033[33mtls\033[0m       "
		   "\033[33mnot shown in the clear: no key was seen\033[0m\033[2m  tcp 127.0.0.1:40000 <-> 127.0.0.1:8088\033[0m\n");
	check_fact("json", &plain, &tls, HEAD "tls" WHO ",\"conn\":\"c1\",\"moment\":\"unseen\",\"error\":\"no key was seen\"" TCP);
}

/* The names come from whoever answers. */
TEST(tls_words_of_the_network)
{
	static const char san[] = "DNS:\033[2J\0DNS:\xff";
	struct fact_cert cert = {
		.subject = TEXT("CN=\xc3\xa9\n\033[31m"), .issuer = TEXT("CN=\xff"), .san = { san, sizeof(san) },
		.not_before = CERT_TIME_UNKNOWN, .not_after = CERT_TIME_UNKNOWN
	};
	struct fact tls = fact(FACT_TLS, NULL);

	tls.tls = (struct fact_tls){ .moment = TLS_HANDSHAKE, .resumed = -1, .duration = -1, .certs = &cert, .cert_count = 1,
				     .sni = TEXT("a\r\nb"), .alpn = TEXT("\x0a\x0a") };
	check_fact("text", &plain, &tls, BEGIN "-     tls       a\\r\\nb  \\n\\n  cert CN=\xc3\xa9\\n\\x1b[31m for \\x1b[2J, \\xff by CN=\\xff\n");
	check_fact("json", &plain, &tls, HEAD "tls" WHO ",\"moment\":\"handshake\",\"sni\":\"a\\r\\nb\",\"alpn\":\"\\n\\n\","
		   "\"certs\":[{\"is_ca\":false,\"subject\":\"CN=\xc3\xa9\\n\\u001b[31m\",\"issuer_base64\":\"Q049/w==\","
		   "\"san_base64\":[\"RE5TOhtbMko=\",\"RE5TOv8=\"]}]}\n");
}

static struct fact plaintext(const struct conn *conn, const char *data)
{
	struct fact plaintext = fact(FACT_PLAINTEXT, conn);

	plaintext.plaintext = (struct fact_plaintext){
		.dir = DIR_OUT, .offset = 1234, .len = strlen(data), .data = text_of(data), .via = "births"
	};
	return plaintext;
}

#define OUT BEGIN "c1    out       "
#define PLAINTEXT HEAD "plaintext" WHO ",\"conn\":\"c1\",\"dir\":\"out\",\"offset\":1234,"

TEST(plaintext_whole)
{
	struct conn c = conn();
	struct fact piece = plaintext(&c, "GET / HTTP/1.1\r\nAuthorization: x\r\n\r\n");

	check_fact("text", &plain, &piece, OUT "36       tls 127.0.0.1:40000 -> 127.0.0.1:8088  at 1,234\n"
		   "    GET / HTTP/1.1\n    Authorization: x\n\n");
	check_fact("text", &hex, &piece, OUT "36       tls 127.0.0.1:40000 -> 127.0.0.1:8088  at 1,234\n"
		   "    00000000: 4745 5420 2f20 4854 5450 2f31 2e31 0d0a  GET / HTTP/1.1..\n"
		   "    00000010: 4175 7468 6f72 697a 6174 696f 6e3a 2078  Authorization: x\n"
		   "    00000020: 0d0a 0d0a                                ....\n");
	check_fact("json", &plain, &piece, PLAINTEXT "\"len\":36,\"data\":\"GET / HTTP/1.1\\r\\nAuthorization: x\\r\\n\\r\\n\","
		   "\"via\":\"births\"" TCP);
	piece.plaintext.dir = DIR_IN;
	piece.plaintext.via = NULL;
	piece.plaintext.data = TEXT("\xff\1");
	piece.plaintext.len = 2;
	check_fact("text", &colour, &piece, "\033[2m00:34:56.789012\033[0m curl[1234]            c1    \033[32min\033[0m        "
		   "2        tls 127.0.0.1:40000 <- 127.0.0.1:8088\033[2m  at 1,234\033[0m\n    \\xff\\x01\n");
	check_fact("json", &plain, &piece, HEAD "plaintext" WHO ",\"conn\":\"c1\",\"dir\":\"in\",\"offset\":1234,\"len\":2,"
		   "\"data_base64\":\"/wE=\"" TCP);
}

TEST(plaintext_missing)
{
	struct conn c = conn();
	struct fact piece = plaintext(&c, "");

	piece.plaintext.len = 16384;
	piece.plaintext.gap = "lost";
	check_fact("text", &plain, &piece, OUT "16,384   tls 127.0.0.1:40000 -> 127.0.0.1:8088  at 1,234\n"
		   "  ... at least 16,384 bytes missing: lost\n");
	check_fact("json", &plain, &piece, PLAINTEXT "\"len\":16384,\"truncated\":true,\"gap\":\"lost\",\"via\":\"births\"" TCP);
	piece.plaintext.len = 1;
	piece.plaintext.gap = "cut";
	check_fact("text", &plain, &piece, OUT "1        tls 127.0.0.1:40000 -> 127.0.0.1:8088  at 1,234\n"
		   "  ... 1 byte missing (-s)\n");
	piece.plaintext.len = 0;
	check_fact("text", &plain, &piece, OUT "0        tls 127.0.0.1:40000 -> 127.0.0.1:8088  at 1,234\n"
		   "  ... bytes missing, how many is not known (-s)\n");
	check_fact("json", &plain, &piece, PLAINTEXT "\"len\":0,\"data\":\"\",\"truncated\":true,\"gap\":\"cut\",\"via\":\"births\"" TCP);
}

static struct fact secret(const char *label)
{
	struct fact secret = fact(FACT_SECRET, NULL);

	secret.secret = (struct fact_secret){
		.label = label, .random = TEXT("\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
					       "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\xff"),
		.secret = TEXT("\xab\xcd\xef\x01"), .via = "births"
	};
	return secret;
}

#define RANDOM "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"

TEST(keylog_lines)
{
	struct fact line = secret("CLIENT_HANDSHAKE_TRAFFIC_SECRET");

	check_fact("keylog", &plain, &line, "CLIENT_HANDSHAKE_TRAFFIC_SECRET " RANDOM " abcdef01\n");
	line.secret.label = "CLIENT_RANDOM";
	check_fact("keylog", &colour, &line, "CLIENT_RANDOM " RANDOM " abcdef01\n");
}

/* What is not known has no line, and nothing makes two lines of one. */
TEST(keylog_without)
{
	static const char *const labels[] = { "", "CLIENT RANDOM", "CLIENT_RANDOM\nX", "client", "\xff" };
	struct fact line;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		line = secret(labels[i]);
		check_fact("keylog", &plain, &line, "");
	}
	line = secret("CLIENT_RANDOM");
	line.secret.random.len = 0;
	check_fact("keylog", &plain, &line, "");
	line = secret("CLIENT_RANDOM");
	line.secret.secret.len = 0;
	check_fact("keylog", &plain, &line, "");
	line = handshake(NULL);
	check_fact("keylog", &plain, &line, "");
}

/* Keys go into the key log and nowhere else. */
TEST(keylog_alone_has_keys)
{
	struct fact line = secret("CLIENT_RANDOM");

	for (const struct out_format *known = out_formats; known->name; known++) {
		struct buf out = { 0 };

		known->fact(&out, &wordy, &line);
		CHECK_EQ(out.len > 0, strcmp(known->name, "keylog") == 0);
		CHECK_EQ(known->secret, strcmp(known->name, "keylog") == 0);
		CHECK_EQ(known->facts, known->secret ? 1u << FACT_SECRET : 0);
		buf_free(&out);
	}
}

/* Whatever is in the names and the data, the output stays what it must be. */
TEST(tls_random_bytes_are_safe)
{
	uint64_t state = 7;

	for (int i = 0; i < 4000; i++) {
		char bytes[900];
		struct conn c = conn();
		struct fact facts[2] = { handshake(&c), plaintext(&c, "") };
		struct fact_cert chain[2];

		for (size_t at = 0; at < sizeof(bytes); at++) {
			uint64_t random = test_random(&state);

			bytes[at] = random % 3 ? "ab \n\r\\',\0\xc2\x9b"[random / 8 % 11] : (char)(random >> 32);
		}
		for (int n = 0; n < 2; n++)
			chain[n] = (struct fact_cert){
				{ bytes + test_random(&state) % 400, test_random(&state) % 200 },
				{ bytes + test_random(&state) % 400, test_random(&state) % 200 },
				{ bytes + test_random(&state) % 400, test_random(&state) % 500 },
				(int64_t)(test_random(&state) >> test_random(&state) % 64),
				(int64_t)(test_random(&state) >> test_random(&state) % 64), n
			};
		facts[0].tls.sni = (struct text){ bytes, test_random(&state) % 300 };
		facts[0].tls.alpn = (struct text){ bytes + 300, test_random(&state) % 20 };
		facts[0].tls.error = (struct text){ bytes + 500, test_random(&state) % 3 ? 0 : 30 };
		facts[0].tls.moment = i % 8 ? TLS_HANDSHAKE : TLS_ALERT;
		facts[0].tls.certs = facts[0].tls.client_certs = chain;
		facts[0].tls.cert_count = facts[0].tls.client_cert_count = 2;
		facts[1].plaintext.data = (struct text){ bytes, test_random(&state) % sizeof(bytes) };
		facts[1].plaintext.len = facts[1].plaintext.data.len + i % 3;
		for (int which = 0; which < 2; which++) {
			struct buf out = { 0 };

			json_fact(&out, &plain, &facts[which]);
			CHECK(check_json_line(out.data, out.len));
			out.len = 0;
			text_fact(&out, i % 2 ? &wordy : &hex, &facts[which]);
			CHECK(check_terminal(out.data, out.len, false));
			CHECK(check_indent(out.data, out.len));
			out.len = 0;
			text_fact(&out, &colour, &facts[which]);
			CHECK(check_terminal(out.data, out.len, true));
			buf_free(&out);
		}
	}
}

TEST_MAIN()
