/* Every version, suite and kind of handshake that libssl can make. */
#include "tls_watch.h"

struct kind {
	const char *name;
	struct setup setup;
};

/* Sees it whole and cut, and checks what is said of the handshake. */
static void check_kind(const char *name, const struct setup *setup, size_t cut)
{
	struct traffic *traffic = traffic_new(setup);
	struct watch *watch = watch_new();

	if (!traffic->done)
		test_fail(__FILE__, __LINE__, "%s: libssl does not make it", name);
	feed_traffic(watch, traffic, &(struct feeding){ .cut = cut });
	check_all_shown(watch, traffic, name);
	if (watch->handshakes != 1 + setup->renegotiate || watch->error[0] || watch->unseen)
		test_fail(__FILE__, __LINE__, "%s: %d handshakes, error '%s', unseen '%s'", name,
			  watch->handshakes, watch->error, watch->why_unseen);
	else if (strcmp(watch->last.cipher, traffic->cipher) != 0)
		test_fail(__FILE__, __LINE__, "%s: cipher %s, not %s", name, watch->last.cipher,
			  traffic->cipher);
	else if (watch->last.duration <= 0)
		test_fail(__FILE__, __LINE__, "%s: duration %lld", name,
			  (long long)watch->last.duration);
	watch_free(watch);
	traffic_free(traffic);
}

static void check_ciphers(int version, const char *const *ciphers, bool no_etm)
{
	for (; *ciphers; ciphers++)
		check_kind(*ciphers, &(struct setup){ .version = version, .ciphers = *ciphers,
						      .no_etm = no_etm }, 0);
}

TEST(tls12_aead)
{
	static const char *const ciphers[] = {
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
		"ECDHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256", "AES128-GCM-SHA256",
		"AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES256-CCM",
		"ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES256-CCM8", "AES128-CCM", "AES256-CCM8",
		"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
		"DHE-RSA-CHACHA20-POLY1305", "ARIA128-GCM-SHA256", "ECDHE-ARIA256-GCM-SHA384",
		"ADH-AES128-GCM-SHA256", NULL
	};

	check_ciphers(TLS1_2_VERSION, ciphers, false);
}

static const char *const cbc[] = {
	"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "AES128-SHA", "AES256-SHA",
	"DHE-RSA-AES128-SHA", "CAMELLIA128-SHA", "CAMELLIA256-SHA", NULL
};

static const char *const cbc12[] = {
	"AES128-SHA256", "AES256-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384",
	"ECDHE-ECDSA-CAMELLIA128-SHA256", "ECDHE-ECDSA-CAMELLIA256-SHA384", NULL
};

TEST(tls12_cbc_encrypt_then_mac)
{
	check_ciphers(TLS1_2_VERSION, cbc, false);
	check_ciphers(TLS1_2_VERSION, cbc12, false);
}

TEST(tls12_cbc_mac_then_encrypt)
{
	check_ciphers(TLS1_2_VERSION, cbc, true);
	check_ciphers(TLS1_2_VERSION, cbc12, true);
}

TEST(tls11)
{
	check_ciphers(TLS1_1_VERSION, cbc, false);
	check_ciphers(TLS1_1_VERSION, cbc, true);
}

TEST(tls10_with_chained_blocks)
{
	check_ciphers(TLS1_VERSION, cbc, false);
	check_ciphers(TLS1_VERSION, cbc, true);
}

static const char *const suites13[] = {
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
	"TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256", NULL
};

TEST(tls13_suites)
{
	for (const char *const *suite = suites13; *suite; suite++)
		check_kind(*suite, &(struct setup){ .version = TLS1_3_VERSION,
						    .suites = *suite }, 0);
}

TEST(kinds_of_handshakes)
{
	static const struct kind kinds[] = {
		{ "hello retry", { TLS1_3_VERSION, .client_groups = "X25519:P-256",
				   .server_groups = "P-256" } },
		{ "client certificate", { TLS1_3_VERSION, .client_cert = true } },
		{ "client certificate 1.2", { TLS1_2_VERSION, .client_cert = true } },
		{ "key updates", { TLS1_3_VERSION, .updates = 4, .messages = 8 } },
		{ "client certificate later", { TLS1_3_VERSION, .post_auth = true } },
		{ "padding", { TLS1_3_VERSION, .padding = 4096 } },
		{ "small records", { TLS1_3_VERSION, .fragment = 512 } },
		{ "small records 1.2", { TLS1_2_VERSION, .fragment = 600 } },
		{ "no extended master secret", { TLS1_2_VERSION, .no_ems = true } },
		{ "renegotiation", { TLS1_2_VERSION, .renegotiate = true } },
		{ "renegotiation, CBC", { TLS1_1_VERSION, .ciphers = "AES128-SHA",
					  .renegotiate = true } },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		check_kind(kinds[i].name, &kinds[i].setup, 0);
		check_kind(kinds[i].name, &kinds[i].setup, (size_t)-1);
		check_kind(kinds[i].name, &kinds[i].setup, 1);
	}
}

TEST(handshake_is_described)
{
	struct traffic *traffic = traffic_new(&(struct setup){
		.version = TLS1_3_VERSION, .client_cert = true,
		.client_groups = "X25519:P-256", .server_groups = "P-256" });
	struct watch *watch = watch_new();

	watch->client_dir = DIR_IN;
	feed_traffic(watch, traffic, &(struct feeding){ 0 });
	CHECK_EQ(watch->handshakes, 1);
	CHECK_STR(watch->last.version, "TLS 1.3");
	CHECK_STR(watch->sni, "server.test");
	CHECK_STR(watch->alpn, "http/1.1");
	CHECK_STR(watch->cert, "CN=server.test");
	CHECK_STR(watch->client_cert, "CN=client.test");
	CHECK_STR(watch->last.via, "births");
	CHECK_EQ(watch->last.resumed, 0);
	CHECK_EQ(watch->last.hello_retry, true);
	CHECK_EQ(watch->last.client_dir_known, true);
	CHECK_EQ(watch->last.client_dir, DIR_IN);
	CHECK_EQ(watch->line_count, secret_count(traffic));
	watch_free(watch);
	traffic_free(traffic);
}

/* The second connection resumes the first; of TLS 1.2 without a key of its own, as
 * Go does. */
static void check_resumption(const char *name, struct setup setup, enum keys_when keys,
			     bool first_seen)
{
	struct watch *watch = watch_new();
	struct traffic *first, *second;

	setup.server = new_context(&setup, true);
	first = traffic_new(&setup);
	setup.resume = first->session;
	second = traffic_new(&setup);
	if (!second->resumed)
		test_fail(__FILE__, __LINE__, "%s: libssl does not resume", name);
	if (first_seen)
		feed_traffic(watch, first, &(struct feeding){ 0 });
	else
		feed_keys(watch, first, NAMED);
	watch_next(watch);
	feed_traffic(watch, second, &(struct feeding){ .keys = keys });
	check_all_shown(watch, second, name);
	if (watch->last.resumed != 1 || watch->handshakes != 1)
		test_fail(__FILE__, __LINE__, "%s: resumed is %d in %d handshakes", name,
			  watch->last.resumed, watch->handshakes);
	if (watch->last.early_data != second->early)
		test_fail(__FILE__, __LINE__, "%s: early data is %d", name, watch->last.early_data);
	watch_free(watch);
	traffic_free(first);
	traffic_free(second);
	SSL_CTX_free(setup.server);
}

TEST(resumption)
{
	struct setup ids = { TLS1_2_VERSION, .no_tickets = true };
	struct setup tickets = { .version = TLS1_2_VERSION };
	struct setup cbc10 = { TLS1_VERSION, .ciphers = "AES128-SHA" };
	struct setup psk = { .version = TLS1_3_VERSION };

	check_resumption("session id", ids, KEYS_IN_PLACE, true);
	check_resumption("session id, no key", ids, KEYS_NEVER, true);
	check_resumption("session id, first not seen", ids, KEYS_NEVER, false);
	check_resumption("ticket", tickets, KEYS_IN_PLACE, true);
	check_resumption("ticket, no key", tickets, KEYS_NEVER, true);
	check_resumption("ticket, first not seen", tickets, KEYS_NEVER, false);
	check_resumption("ticket, TLS 1.0, no key", cbc10, KEYS_NEVER, true);
	check_resumption("PSK", psk, KEYS_IN_PLACE, true);
	check_resumption("PSK, keys last", psk, KEYS_LAST, true);
}

TEST(early_data)
{
	struct setup setup = { TLS1_3_VERSION, .early = true };

	/* In the first connection there is no session for it yet. */
	check_resumption("accepted", setup, KEYS_IN_PLACE, true);
	check_resumption("accepted, keys last", setup, KEYS_LAST, true);
	setup.refuse_early = true;
	check_resumption("refused", setup, KEYS_IN_PLACE, true);
	check_resumption("refused, keys last", setup, KEYS_LAST, true);
	setup.client_groups = "X25519:P-256";
	setup.server_groups = "P-256";
	check_resumption("refused by a hello retry", setup, KEYS_IN_PLACE, true);
}

TEST(refusal)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };

	for (int i = 0; i < 2; i++) {
		struct traffic *traffic = traffic_new(&(struct setup){ .version = versions[i],
								       .bad_ca = true });
		struct watch *watch = watch_new();

		CHECK(!traffic->done);
		feed_traffic(watch, traffic, &(struct feeding){ 0 });
		CHECK_EQ(watch->handshakes, 1);
		CHECK(strstr(watch->error, "says the client"));
		CHECK_STR(watch->cert, "CN=server.test");
		watch_free(watch);
		traffic_free(traffic);
	}
}

TEST_MAIN()
