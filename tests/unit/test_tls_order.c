/* However the bytes are cut, and whenever the keys come: the same plaintext. */
#include "tls_watch.h"

static const struct {
	const char *name;
	struct setup setup;
} setups[] = {
	{ "TLS 1.3", { .version = TLS1_3_VERSION } },
	{ "TLS 1.3 ChaCha20, client certificate", {
		.version = TLS1_3_VERSION, .suites = "TLS_CHACHA20_POLY1305_SHA256",
		.client_cert = true } },
	{ "TLS 1.3 key updates", { .version = TLS1_3_VERSION, .updates = 3 } },
	{ "TLS 1.2", { .version = TLS1_2_VERSION } },
	{ "TLS 1.2 CBC", { .version = TLS1_2_VERSION, .ciphers = "AES128-SHA" } },
	{ "TLS 1.0", { .version = TLS1_VERSION, .ciphers = "AES128-SHA" } },
};

#define SETUPS (sizeof(setups) / sizeof(*setups))

static struct traffic *traffic_of(size_t i)
{
	static struct traffic *made[SETUPS];

	if (!made[i])
		made[i] = traffic_new(&setups[i].setup);
	return made[i];
}

/* Little enough that each byte can be kept by itself. */
static struct traffic *short_traffic_of(size_t i)
{
	static struct traffic *made[SETUPS];
	struct setup setup = setups[i].setup;

	setup.message = 700;
	if (!made[i])
		made[i] = traffic_new(&setup);
	return made[i];
}

static void check_order(const struct feeding *how, bool from_server)
{
	for (size_t i = 0; i < SETUPS; i++) {
		const struct traffic *traffic = how->cut && how->cut < 100 ? short_traffic_of(i) :
									     traffic_of(i);
		struct watch *watch = watch_new();

		watch->client_dir = from_server ? DIR_IN : DIR_OUT;
		feed_traffic(watch, traffic, how);
		check_all_shown(watch, traffic, setups[i].name);
		if (watch->handshakes != 1 || watch->unseen || watch->alerts || watch->error[0])
			test_fail(__FILE__, __LINE__, "%s: %d handshakes, error '%s', unseen '%s'",
				  setups[i].name, watch->handshakes, watch->error,
				  watch->why_unseen);
		if (how->naming == NAMED && watch->line_count != secret_count(traffic))
			test_fail(__FILE__, __LINE__, "%s: %zu lines of the key log",
				  setups[i].name, watch->line_count);
		watch_free(watch);
	}
}

static void check_cuts(enum keys_when keys, enum naming naming)
{
	static const size_t cuts[] = { 0, 1, 2, 3, 5, 7, 1000, 16384, (size_t)-1 };

	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++)
		check_order(&(struct feeding){ keys, naming, cuts[i], false }, i % 2);
}

TEST(keys_in_place)
{
	check_cuts(KEYS_IN_PLACE, NAMED);
}

TEST(keys_before_all)
{
	check_cuts(KEYS_FIRST, NAMED);
}

TEST(keys_after_all)
{
	check_cuts(KEYS_LAST, NAMED);
}

TEST(keys_without_names)
{
	check_cuts(KEYS_IN_PLACE, UNNAMED);
	check_cuts(KEYS_FIRST, UNNAMED);
	check_cuts(KEYS_LAST, UNNAMED);
}

/* The four secrets that encrypt something get their lines all the same. */
TEST(key_log_of_keys_without_names)
{
	const struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();
	size_t found = 0;

	feed_traffic(watch, traffic, &(struct feeding){ KEYS_IN_PLACE, UNNAMED, 0, false });
	CHECK_EQ(watch->line_count, 4);
	for (size_t i = 0; i < watch->line_count; i++)
		for (size_t j = 0; j < traffic->count; j++)
			found += traffic->steps[j].from < 0 &&
				 memcmp(&watch->secrets[i], &traffic->steps[j].line,
					sizeof(struct secret_line)) == 0;
	CHECK_EQ(found, 4);
	watch_free(watch);
}

/* Both ends are traced: two connections, the same keys twice. */
TEST(both_ends)
{
	struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();
	struct conn client = watch->conn, server = client;
	uint64_t at[2][2] = { { 0 } };

	server.id = 2;
	server.number = 2;
	for (size_t i = 0; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];

		for (int end = 0; end < 2; end++) {
			watch->conn = end ? server : client;
			watch->client_dir = end ? DIR_IN : DIR_OUT;
			memcpy(watch->at, at[end], sizeof(watch->at));
			if (step->from < 0)
				feed_secret(watch, &step->line, NAMED);
			else
				feed(watch, step->from, step->data, step->len);
			memcpy(at[end], watch->at, sizeof(watch->at));
		}
	}
	CHECK_EQ(watch->shown[0].len, 2 * traffic->sent[0].len);
	CHECK_EQ(watch->shown[1].len, 2 * traffic->sent[1].len);
	CHECK_EQ(watch->handshakes, 2);
	CHECK_EQ(watch->line_count, secret_count(traffic));
	feed_summary(watch);
	CHECK_EQ(watch->sums.handshakes, 2);
	CHECK_EQ(watch->sums.bytes[0] + watch->sums.bytes[1],
		 2 * (traffic->sent[0].len + traffic->sent[1].len));
	watch_free(watch);
}

/* Many connections at once, keys without names: each finds its own. */
TEST(many_at_once)
{
	enum { MANY = 40 };
	struct traffic *traffic[MANY];
	struct watch *watch[MANY];
	struct setup setup = { .version = TLS1_3_VERSION, .messages = 2 };
	size_t longest = 0;

	for (int i = 0; i < MANY; i++) {
		setup.version = i % 4 ? TLS1_3_VERSION : TLS1_2_VERSION;
		traffic[i] = traffic_new(&setup);
		watch[i] = watch_new();
		watch[i]->conn.id = (uint64_t)i + 1;
		longest = traffic[i]->count > longest ? traffic[i]->count : longest;
		if (i) {
			tls_free(watch[i]->tls);
			watch[i]->tls = watch[0]->tls;
		}
	}
	/* What is shown goes to the first's watch: only sums are told apart here. */
	for (size_t at = 0; at < longest; at++) {
		for (int i = 0; i < MANY; i++) {
			const struct step *step = &traffic[i]->steps[at];

			if (at >= traffic[i]->count)
				continue;
			if (step->from < 0)
				feed_secret(watch[i], &step->line, UNNAMED);
			else
				feed(watch[i], step->from, step->data, step->len);
		}
	}
	for (int i = 0; i < MANY; i++)
		feed_close(watch[i]);
	CHECK_EQ(watch[0]->handshakes, MANY);
	CHECK_EQ(watch[0]->unseen, 0);
	CHECK_EQ(watch[0]->shown[0].len, MANY * traffic[0]->sent[0].len);
	CHECK_EQ(watch[0]->shown[1].len, MANY * traffic[0]->sent[1].len);
	for (int i = MANY - 1; i >= 0; i--) {
		if (i)
			watch[i]->tls = NULL;
		watch_free(watch[i]);
		traffic_free(traffic[i]);
	}
}

/* Two threads write: the later event is told first. */
TEST(pieces_out_of_order)
{
	const struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();

	feed_keys(watch, traffic, NAMED);
	for (size_t i = 0; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];
		size_t half = step->len / 2;

		if (step->from < 0)
			continue;
		if (step->len < 4 || i < 3) {
			feed(watch, step->from, step->data, step->len);
			continue;
		}
		feed_at(watch, step->from, watch->at[step->from] + half, step->data + half,
			step->len - half);
		feed_at(watch, step->from, watch->at[step->from], step->data, half);
		watch->at[step->from] += step->len;
	}
	feed_close(watch);
	check_all_shown(watch, traffic, "swapped");
	watch_free(watch);
}

TEST(pieces_twice)
{
	const struct traffic *traffic = traffic_of(3);
	struct watch *watch = watch_new();

	for (size_t i = 0; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];

		if (step->from < 0) {
			feed_secret(watch, &step->line, NAMED);
			feed_secret(watch, &step->line, NAMED);
			continue;
		}
		feed(watch, step->from, step->data, step->len);
		feed_at(watch, step->from, watch->at[step->from] - step->len, step->data,
			step->len);
	}
	feed_close(watch);
	check_all_shown(watch, traffic, "twice");
	CHECK_EQ(watch->line_count, secret_count(traffic));
	watch_free(watch);
}

/* A client hello behind something else: a proxy's answer, STARTTLS. */
TEST(tls_begins_later)
{
	static const char ask[] = "CONNECT host:443 HTTP/1.1\r\n\r\n";
	static const char ok[] = "HTTP/1.1 200 OK\r\n\r\n";
	const struct traffic *traffic = traffic_of(0);
	static const size_t cuts[] = { 0, 1 };

	for (int i = 0; i < 2; i++) {
		struct watch *watch = watch_new();

		feed(watch, CLIENT, ask, sizeof(ask) - 1);
		feed(watch, SERVER, ok, sizeof(ok) - 1);
		feed_traffic(watch, traffic, &(struct feeding){ .cut = cuts[i] });
		check_all_shown(watch, traffic, "CONNECT");
		watch_free(watch);
	}
}

TEST(tls_behind_a_proxy_header)
{
	static const char line[] = "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n";
	const struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();
	char first[2000];
	size_t i = 0, len = sizeof(line) - 1;

	while (traffic->steps[i].from != CLIENT)
		i++;
	REQUIRE(i == 0 && traffic->steps[0].len < sizeof(first) - len);
	memcpy(first, line, len);
	memcpy(first + len, traffic->steps[0].data, traffic->steps[0].len);
	feed(watch, CLIENT, first, len + traffic->steps[0].len);
	for (i = 1; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];

		if (step->from < 0)
			feed_secret(watch, &step->line, NAMED);
		else
			feed(watch, step->from, step->data, step->len);
	}
	feed_close(watch);
	check_all_shown(watch, traffic, "PROXY");
	watch_free(watch);
}

static void check_unseen(struct watch *watch, const char *why)
{
	feed_close(watch);
	feed_summary(watch);
	if (watch->unseen != 1 || strcmp(watch->why_unseen, why) != 0)
		test_fail(__FILE__, __LINE__, "unseen %d times: '%s', not '%s'", watch->unseen,
			  watch->why_unseen, why);
	CHECK_EQ(watch->shown[0].len + watch->shown[1].len, 0);
	watch_free(watch);
}

TEST(no_key_is_said)
{
	for (size_t i = 0; i < SETUPS; i++) {
		struct watch *watch = watch_new();

		feed_traffic(watch, traffic_of(i), &(struct feeding){ .keys = KEYS_NEVER,
								      .no_close = true });
		feed_close(watch);
		CHECK_EQ(watch->handshakes, 1);
		CHECK_STR(watch->last.cipher, traffic_of(i)->cipher);
		CHECK(!watch->last.via);
		check_unseen(watch, "no key came");
	}
}

/* Other connections' keys open nothing. */
TEST(wrong_keys_show_nothing)
{
	for (size_t i = 0; i < SETUPS; i++) {
		struct watch *watch = watch_new();

		for (size_t j = 0; j < SETUPS; j++)
			if (j != i)
				feed_keys(watch, traffic_of(j), j % 2 ? NAMED : UNNAMED);
		feed_traffic(watch, traffic_of(i), &(struct feeding){ .keys = KEYS_NEVER });
		check_unseen(watch, "no key came");
	}
}

/* Nothing is kept for ever: after some seconds it is said, and if a key comes then,
 * what follows is shown. */
TEST(key_comes_much_later)
{
	const struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();
	size_t i;

	for (i = 0; i < traffic->count / 2; i++)
		if (traffic->steps[i].from >= 0)
			feed(watch, traffic->steps[i].from, traffic->steps[i].data,
			     traffic->steps[i].len);
	watch->now += 4000000000;
	feed(watch, CLIENT, "", 0);
	CHECK_EQ(watch->unseen, 1);
	CHECK_EQ(watch->handshakes, 1);
	feed_keys(watch, traffic, NAMED);
	for (; i < traffic->count; i++)
		if (traffic->steps[i].from >= 0)
			feed(watch, traffic->steps[i].from, traffic->steps[i].data,
			     traffic->steps[i].len);
	feed_close(watch);
	CHECK(watch->gap_count >= 2);
	for (int from = 0; from < 2; from++) {
		const struct buf *shown = &watch->shown[from], *sent = &traffic->sent[from];

		REQUIRE(shown->len > 20000 && shown->len <= sent->len);
		CHECK(memcmp(shown->data + shown->len - 20000, sent->data + sent->len - 20000,
			     20000) == 0);
	}
	watch_free(watch);
}

TEST(joined_in_the_middle)
{
	const struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();

	watch->conn.kind = OPEN_EXISTING;
	for (size_t i = traffic->count / 2; i < traffic->count; i++)
		if (traffic->steps[i].from >= 0)
			feed(watch, traffic->steps[i].from, traffic->steps[i].data,
			     traffic->steps[i].len);
	check_unseen(watch, "it was up before glasstap attached; its keys are not known");
}

/* Whose reads begin anywhere in a record. */
TEST(joined_in_the_middle_of_a_record)
{
	static const size_t cuts[] = { 4096, 30000 };
	struct traffic *traffic = traffic_new(&(struct setup){ .version = TLS1_3_VERSION,
							       .message = 200000 });

	for (int i = 0; i < 2; i++) {
		struct watch *watch = watch_new();
		const struct step *step = &traffic->steps[traffic->count - 4];

		watch->conn.kind = OPEN_EXISTING;
		REQUIRE(step->len > 100000);
		feed_cut(watch, step->from, step->data + 1000, step->len - 1000, cuts[i], NULL);
		check_unseen(watch, "it was up before glasstap attached; its keys are not known");
	}
	traffic_free(traffic);
}

/* The server's hello is told before the client's, as two threads can make it. */
TEST(hellos_the_other_way_round)
{
	for (size_t i = 0; i < SETUPS; i++) {
		const struct traffic *traffic = traffic_of(i);
		const struct step *client = &traffic->steps[0];
		struct watch *watch = watch_new();
		bool swapped = false;

		for (size_t j = 1; j < traffic->count; j++) {
			const struct step *step = &traffic->steps[j];

			if (step->from < 0)
				feed_secret(watch, &step->line, NAMED);
			else
				feed(watch, step->from, step->data, step->len);
			if (!swapped && step->from == SERVER) {
				feed(watch, CLIENT, client->data, client->len);
				swapped = true;
			}
		}
		feed_close(watch);
		check_all_shown(watch, traffic, setups[i].name);
		CHECK_EQ(watch->handshakes, 1);
		CHECK_STR(watch->sni, "server.test");
		watch_free(watch);
	}
}

/* Behind the closing alert the connection may go on in plain text. */
TEST(plain_text_behind_the_end)
{
	const struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();

	feed_traffic(watch, traffic, &(struct feeding){ .no_close = true });
	feed(watch, CLIENT, "NOOP\r\n", 6);
	feed(watch, SERVER, "200 ok\r\n", 8);
	feed_close(watch);
	check_all_shown(watch, traffic, "plain text behind");
	CHECK_EQ(watch->unseen + watch->alerts, 0);
	watch_free(watch);
}

TEST(dtls_is_recognised)
{
	static const char hello[] = "\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x01x";
	struct watch *watch = watch_new();

	watch->conn.type = SOCK_DGRAM;
	watch->conn.transport = "udp";
	feed(watch, CLIENT, hello, sizeof(hello) - 1);
	feed(watch, CLIENT, hello, sizeof(hello) - 1);
	check_unseen(watch, "DTLS is not opened yet");
}

TEST(answer_is_not_tls)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	const struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();

	feed(watch, CLIENT, traffic->steps[0].data, traffic->steps[0].len);
	feed(watch, SERVER, answer, sizeof(answer) - 1);
	feed_close(watch);
	CHECK_EQ(watch->handshakes, 1);
	CHECK_STR(watch->error, "the answer is not TLS");
	CHECK_STR(watch->sni, "server.test");
	watch_free(watch);
}

TEST(connection_ends_in_the_handshake)
{
	const struct traffic *traffic = traffic_of(3);
	struct watch *watch = watch_new();

	feed(watch, CLIENT, traffic->steps[0].data, traffic->steps[0].len);
	feed_close(watch);
	CHECK_EQ(watch->handshakes, 1);
	CHECK_STR(watch->error, "the connection ended before the handshake did");
	watch_free(watch);
}

TEST(other_bytes_are_left_alone)
{
	struct watch *watch = watch_new();
	uint64_t random = 3;
	uint8_t bytes[300];

	for (int i = 0; i < 2000; i++) {
		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = (uint8_t)test_random(&random);
		bytes[0] = 0x16;
		bytes[1] = 3;
		bytes[2] = (uint8_t)(i % 5);
		feed(watch, i % 2, bytes, sizeof(bytes) - (size_t)(i % 290));
	}
	feed_close(watch);
	CHECK_EQ(watch->handshakes + watch->unseen + watch->alerts, 0);
	watch_free(watch);
}

/* Encrypted client hello: the keys are those of a random that is not to be seen. */
TEST(random_of_an_inner_hello)
{
	static const uint8_t ech[] = { 0xfe, 0x0d, 0, 10, 0, 0, 1, 0, 1, 7, 0, 0, 0, 0 };
	const struct traffic *traffic = traffic_of(0);
	const struct step *hello = &traffic->steps[0];
	struct watch *watch = watch_new();
	size_t len = hello->len + sizeof(ech), extensions;
	uint8_t *outer = malloc(len);

	/* Another random, the extension at the end, and three lengths longer by it. */
	memcpy(outer, hello->data, hello->len);
	memcpy(outer + hello->len, ech, sizeof(ech));
	outer[11] ^= 0xff;
	extensions = 5 + 4 + 2 + 32 + 1 + (size_t)outer[43];
	extensions += 2 + (size_t)(outer[extensions] << 8 | outer[extensions + 1]) + 2;
	for (size_t i = 0; i < 3; i++) {
		size_t at = i == 0 ? 3 : i == 1 ? 7 : extensions;
		size_t value = (size_t)(outer[at] << 8 | outer[at + 1]) + sizeof(ech);

		outer[at] = (uint8_t)(value >> 8);
		outer[at + 1] = (uint8_t)value;
	}
	feed(watch, CLIENT, outer, len);
	for (size_t i = 1; i < traffic->count; i++)
		if (traffic->steps[i].from < 0)
			feed_secret(watch, &traffic->steps[i].line, NAMED);
		else
			feed(watch, traffic->steps[i].from, traffic->steps[i].data,
			     traffic->steps[i].len);
	feed_close(watch);
	check_all_shown(watch, traffic, "ECH");
	free(outer);
	watch_free(watch);
}

/* What no key opens takes a bounded room, and other connections go on. */
TEST(room_is_bounded)
{
	struct traffic *traffic = traffic_new(&(struct setup){ .version = TLS1_3_VERSION,
							       .message = 60000, .messages = 12 });
	struct watch *watch = watch_new();

	for (int i = 0; i < 150; i++) {
		watch->conn.id = (uint64_t)i + 100;
		watch->at[0] = watch->at[1] = 0;
		feed_traffic(watch, traffic, &(struct feeding){ .keys = KEYS_NEVER,
								.no_close = true });
	}
	CHECK(watch->unseen > 0);
	watch->conn.id = 1;
	watch->at[0] = watch->at[1] = 0;
	feed_traffic(watch, traffic_of(0), &(struct feeding){ .keys = KEYS_LAST,
							      .no_close = true });
	check_all_shown(watch, traffic_of(0), "among those without keys");
	feed_summary(watch);
	CHECK_EQ(watch->unseen, 150);
	CHECK_EQ(watch->sums.unseen, 150);
	CHECK(watch->sums.dropped > 150 * 1000000);
	watch_free(watch);
	traffic_free(traffic);
}

TEST(one_direction_is_bounded)
{
	struct traffic *traffic = traffic_new(&(struct setup){ .version = TLS1_3_VERSION,
							       .message = 600000, .messages = 12 });
	struct watch *watch = watch_new();

	feed_traffic(watch, traffic, &(struct feeding){ .keys = KEYS_NEVER, .no_close = true });
	CHECK_EQ(watch->unseen, 1);
	CHECK_STR(watch->why_unseen, "no key came");
	watch_free(watch);
	traffic_free(traffic);
}

/* A read of what had arrived, after the connection was closed. */
TEST(bytes_behind_the_close)
{
	const struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();

	for (size_t i = 0; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];

		if (i == traffic->count - 5)
			feed_close(watch);
		if (step->from < 0)
			feed_secret(watch, &step->line, NAMED);
		else
			feed(watch, step->from, step->data, step->len);
	}
	check_all_shown(watch, traffic, "behind the close");
	CHECK_EQ(watch->handshakes, 1);
	watch_free(watch);
}

/* --tls=off */
TEST(off_passes_all)
{
	const struct traffic *traffic = traffic_of(0);
	struct watch *watch = watch_new();

	tls_free(watch->tls);
	watch->tls = tls_new(false, watch_fact, watch);
	feed_traffic(watch, traffic, &(struct feeding){ 0 });
	CHECK_EQ(watch->shown[0].len + watch->shown[1].len, 0);
	CHECK_EQ(watch->line_count, secret_count(traffic));
	watch_free(watch);
}

TEST_MAIN()
