/* Bytes that are missing or damaged: what is shown is right and in its place, what
 * is missing is said, and it goes on behind it. */
#include "tls_watch.h"

enum damage { MISSING, LOST, CHANGED };

struct cut {
	int from;
	uint64_t offset, len;      /* in the ciphertext */
};

/* Feeds a step, with what the cuts damage. */
static void feed_damaged(struct watch *watch, const struct step *step, const struct cut *cuts,
			 int count, enum damage damage)
{
	size_t at = 0;

	while (at < step->len) {
		uint64_t now = watch->at[step->from], end = now + step->len - at;
		const struct cut *in = NULL;

		for (int i = 0; i < count; i++) {
			const struct cut *cut = &cuts[i];

			if (cut->from != step->from || cut->offset + cut->len <= now)
				continue;
			if (cut->offset <= now)
				in = cut;
			else if (cut->offset < end)
				end = cut->offset;
		}
		if (in && in->offset + in->len < end)
			end = in->offset + in->len;
		if (!in) {
			feed(watch, step->from, step->data + at, end - now);
		} else if (damage == MISSING) {
			feed_gap(watch, step->from, end - now);
		} else if (damage == LOST) {
			feed_loss(watch, step->from, end - now);
		} else {
			uint8_t *copy = malloc(end - now);

			for (size_t i = 0; i < end - now; i++)
				copy[i] = step->data[at + i] ^ 0x5a;
			feed(watch, step->from, copy, end - now);
			free(copy);
		}
		at += end - now;
	}
}

static void feed_all(struct watch *watch, const struct traffic *traffic, const struct cut *cuts,
		     int count, enum damage damage)
{
	for (size_t i = 0; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];

		if (step->from < 0)
			feed_secret(watch, &step->line, NAMED);
		else
			feed_damaged(watch, step, cuts, count, damage);
	}
	feed_close(watch);
}

/* Where application data begins and ends: behind the first write of both sides that
 * came after the last key, up to the closing alerts. */
static void data_range(const struct traffic *traffic, int from, uint64_t *begin, uint64_t *end)
{
	uint64_t at = 0;
	size_t flights = 0;

	*begin = *end = 0;
	for (size_t i = 0; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];

		if (step->from != from)
			continue;
		if (flights++ == 3)
			*begin = at;
		*end = at;
		at += step->len;
	}
}

static uint64_t missing_of(const struct watch *watch, int from)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < watch->gap_count; i++)
		sum += watch->gaps[i].from == from ? watch->gaps[i].len : 0;
	return sum;
}

/* Everything shown is what was sent there; gaps are where something was missing. */
static void check_in_place(const struct watch *watch, const struct traffic *traffic, int from,
			   const char *what, uint64_t seed)
{
	const struct buf *shown = &watch->shown[from], *sent = &traffic->sent[from];
	size_t at = 0;

	if (shown->len != sent->len) {
		test_fail(__FILE__, __LINE__, "%s, seed %" PRIu64 ": %zu of the %s's %zu, %zu gaps",
			  what, seed, shown->len, from ? "server" : "client", sent->len,
			  watch->gap_count);
		return;
	}
	for (size_t i = 0; i <= watch->gap_count; i++) {
		const struct seen_gap *gap = &watch->gaps[i];
		size_t end = i < watch->gap_count ? gap->offset : shown->len;

		if (i < watch->gap_count && gap->from != from)
			continue;
		if (memcmp(shown->data + at, sent->data + at, end - at) != 0)
			test_fail(__FILE__, __LINE__, "%s, seed %" PRIu64 ": other bytes than sent",
				  what, seed);
		at = end + (i < watch->gap_count ? gap->len : 0);
	}
}

static const struct {
	const char *name;
	struct setup setup;
} exact[] = {
	{ "AES-GCM 1.3", { .version = TLS1_3_VERSION, .messages = 12 } },
	{ "AES-128-GCM 1.3, small", { .version = TLS1_3_VERSION, .messages = 200, .message = 300,
				      .suites = "TLS_AES_128_GCM_SHA256" } },
	{ "ChaCha20 1.3", { .version = TLS1_3_VERSION, .messages = 12,
			    .suites = "TLS_CHACHA20_POLY1305_SHA256" } },
	{ "CCM 1.3", { .version = TLS1_3_VERSION, .messages = 12, .fragment = 1000,
		       .suites = "TLS_AES_128_CCM_SHA256" } },
	{ "AES-GCM 1.2", { .version = TLS1_2_VERSION, .messages = 12 } },
	{ "AES-GCM 1.2, small", { .version = TLS1_2_VERSION, .messages = 200, .message = 300 } },
	{ "ChaCha20 1.2", { .version = TLS1_2_VERSION, .messages = 12,
			    .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305" } },
	{ "CCM 1.2", { .version = TLS1_2_VERSION, .messages = 12,
		       .ciphers = "ECDHE-ECDSA-AES128-CCM8" } },
};

static void check_exact(enum damage damage, uint64_t most)
{
	for (size_t i = 0; i < sizeof(exact) / sizeof(*exact); i++) {
		struct traffic *traffic = traffic_new(&exact[i].setup);

		for (uint64_t seed = 1; seed <= 12; seed++) {
			struct watch *watch = watch_new();
			uint64_t random = seed, spoiled[2] = { 0 };
			struct cut cuts[6];

			for (int j = 0; j < 6; j++) {
				uint64_t begin, end;

				cuts[j].from = j % 2;
				data_range(traffic, cuts[j].from, &begin, &end);
				cuts[j].offset = begin + test_random(&random) % (end - begin);
				cuts[j].len = 1 + test_random(&random) % most;
				if (cuts[j].offset + cuts[j].len > end)
					cuts[j].len = end - cuts[j].offset;
				spoiled[cuts[j].from] += cuts[j].len + 2 * 16500;
			}
			feed_all(watch, traffic, cuts, 6, damage);
			for (int from = 0; from < 2; from++) {
				check_in_place(watch, traffic, from, exact[i].name, seed);
				if (!missing_of(watch, from) ||
				    missing_of(watch, from) > spoiled[from])
					test_fail(__FILE__, __LINE__, "%s: %" PRIu64 " missing",
						  exact[i].name, missing_of(watch, from));
			}
			CHECK(!watch->disorder);
			CHECK_EQ(watch->unseen, 0);
			watch_free(watch);
		}
		traffic_free(traffic);
	}
}

TEST(not_copied)
{
	check_exact(MISSING, 30000);
	check_exact(MISSING, 40);
}

TEST(lost_in_the_ring)
{
	check_exact(LOST, 3000);
}

TEST(damaged)
{
	check_exact(CHANGED, 1);
	check_exact(CHANGED, 100);
}

/* Padding hides how much is missing: all that is shown was sent, in that order, and
 * the end is there. */
TEST(cbc)
{
	static const struct setup setups[] = {
		{ .version = TLS1_2_VERSION, .ciphers = "AES128-SHA256", .messages = 12 },
		{ .version = TLS1_2_VERSION, .ciphers = "AES256-SHA", .no_etm = true,
		  .messages = 12 },
		{ .version = TLS1_1_VERSION, .ciphers = "AES128-SHA", .messages = 12 },
		{ .version = TLS1_VERSION, .ciphers = "AES128-SHA", .messages = 12 },
		{ .version = TLS1_VERSION, .ciphers = "AES128-SHA", .no_etm = true,
		  .messages = 12 },
	};

	for (size_t i = 0; i < sizeof(setups) / sizeof(*setups); i++) {
		struct traffic *traffic = traffic_new(&setups[i]);
		struct watch *watch = watch_new();
		uint64_t begin, end;
		struct cut cut;

		data_range(traffic, SERVER, &begin, &end);
		cut = (struct cut){ SERVER, begin + (end - begin) / 3, 20000 };
		feed_all(watch, traffic, &cut, 1, MISSING);
		CHECK_EQ(watch->gap_count, 1);
		for (int from = 0; from < 2; from++) {
			const struct buf *shown = &watch->shown[from], *sent = &traffic->sent[from];
			size_t tail = sent->len / 3;

			REQUIRE(shown->len <= sent->len && shown->len + 1000 > sent->len);
			CHECK(memcmp(shown->data, sent->data, sent->len / 4) == 0);
			CHECK(memcmp(shown->data + shown->len - tail, sent->data + sent->len - tail,
				     tail) == 0);
		}
		watch_free(watch);
		traffic_free(traffic);
	}
}

/* All that is shown of a direction is a part of what was sent, in order. */
static void check_honest(const struct watch *watch, const struct traffic *traffic, int from,
			 const char *what, uint64_t at)
{
	const struct buf *shown = &watch->shown[from], *sent = &traffic->sent[from];
	size_t begin = 0, found = 0;

	for (size_t i = 0; i <= watch->gap_count; i++) {
		const struct seen_gap *gap = &watch->gaps[i];
		size_t end = i < watch->gap_count ? gap->offset : shown->len;
		const char *place;

		if (i < watch->gap_count && gap->from != from)
			continue;
		place = end > begin ? memmem(sent->data + found, sent->len - found,
					     shown->data + begin, end - begin) : sent->data + found;
		if (!place) {
			test_fail(__FILE__, __LINE__, "%s, cut at %" PRIu64 ": not what was sent",
				  what, at);
			return;
		}
		found = (size_t)(place - sent->data) + (end - begin);
		begin = end + (i < watch->gap_count ? gap->len : 0);
	}
}

TEST(cbc_damaged)
{
	static const struct setup setups[] = {
		{ .version = TLS1_VERSION, .ciphers = "AES128-SHA", .messages = 12 },
		{ .version = TLS1_VERSION, .ciphers = "AES128-SHA", .no_etm = true,
		  .messages = 12 },
		{ .version = TLS1_2_VERSION, .ciphers = "AES128-SHA256", .messages = 12 },
		{ .version = TLS1_2_VERSION, .ciphers = "AES256-SHA", .no_etm = true,
		  .messages = 12 },
	};

	for (size_t i = 0; i < sizeof(setups) / sizeof(*setups); i++) {
		struct traffic *traffic = traffic_new(&setups[i]);

		for (uint64_t seed = 1; seed < 60; seed++) {
			struct watch *watch = watch_new();
			uint64_t random = seed, begin, end;
			struct cut cut = { .from = SERVER, .len = 1 };

			data_range(traffic, SERVER, &begin, &end);
			cut.offset = begin + test_random(&random) % (end - begin);
			feed_all(watch, traffic, &cut, 1, CHANGED);
			check_honest(watch, traffic, SERVER, "damaged", cut.offset);
			CHECK_EQ(watch->gap_count, 1);
			CHECK(watch->shown[SERVER].len > traffic->sent[SERVER].len - 1000);
			watch_free(watch);
		}
		traffic_free(traffic);
	}
}

/* A gap anywhere in the handshake, in one direction. */
static void check_handshake_gaps(const struct setup *setup, const char *what, uint64_t len,
				 size_t *whole)
{
	struct traffic *traffic = traffic_new(setup);

	*whole = 0;
	for (int from = 0; from < 2; from++) {
		uint64_t begin, end;

		data_range(traffic, from, &begin, &end);
		for (uint64_t at = 1; at < begin; at += 37) {
			struct cut cut = { from, at, len };
			struct watch *watch = watch_new();

			feed_all(watch, traffic, &cut, 1, MISSING);
			check_honest(watch, traffic, CLIENT, what, at);
			check_honest(watch, traffic, SERVER, what, at);
			*whole += watch->shown[CLIENT].len == traffic->sent[CLIENT].len &&
				  watch->shown[SERVER].len == traffic->sent[SERVER].len;
			CHECK(!watch->disorder);
			if (!watch->shown[CLIENT].len && !watch->unseen && !watch->handshakes)
				test_fail(__FILE__, __LINE__, "%s, cut at %" PRIu64 ": not a word",
					  what, at);
			watch_free(watch);
		}
	}
	traffic_free(traffic);
}

TEST(handshake_with_gaps)
{
	static const struct setup tls13 = { .version = TLS1_3_VERSION };
	static const struct setup tls12 = { .version = TLS1_2_VERSION };
	static const struct setup tls10 = { .version = TLS1_VERSION, .ciphers = "AES128-SHA" };
	size_t whole;

	check_handshake_gaps(&tls13, "TLS 1.3", 30, &whole);
	CHECK(whole > 10);
	check_handshake_gaps(&tls13, "TLS 1.3", 500, &whole);
	check_handshake_gaps(&tls12, "TLS 1.2", 30, &whole);
	CHECK(whole > 10);
	check_handshake_gaps(&tls12, "TLS 1.2", 500, &whole);
	check_handshake_gaps(&tls10, "TLS 1.0", 30, &whole);
	CHECK(whole > 5);
}

/* One direction is not seen at all. */
TEST(one_direction_only)
{
	struct traffic *traffic = traffic_new(&(struct setup){ .version = TLS1_3_VERSION });

	for (int from = 0; from < 2; from++) {
		struct watch *watch = watch_new();

		for (size_t i = 0; i < traffic->count; i++)
			if (traffic->steps[i].from < 0)
				feed_secret(watch, &traffic->steps[i].line, NAMED);
			else if (traffic->steps[i].from == from)
				feed(watch, from, traffic->steps[i].data, traffic->steps[i].len);
		feed_close(watch);
		CHECK_BYTES(watch->shown[from].data, watch->shown[from].len,
			    traffic->sent[from].data, traffic->sent[from].len);
		CHECK_EQ(watch->handshakes, 1);
		watch_free(watch);
	}
	traffic_free(traffic);
}

/* Changes of key inside a gap. */
TEST(key_update_in_a_gap)
{
	struct traffic *traffic = traffic_new(&(struct setup){ .version = TLS1_3_VERSION,
							       .updates = 6, .messages = 12 });

	for (int from = 0; from < 2; from++) {
		struct watch *watch = watch_new();
		const struct buf *shown = &watch->shown[from], *sent = &traffic->sent[from];
		uint64_t begin, end;
		struct cut cut;

		data_range(traffic, from, &begin, &end);
		cut = (struct cut){ from, begin + 100, 60000 };
		feed_all(watch, traffic, &cut, 1, LOST);
		CHECK_EQ(watch->gap_count, 1);
		CHECK(watch->gaps[0].len > 0);
		REQUIRE(shown->len > 40000 && shown->len < sent->len);
		CHECK(memcmp(shown->data + shown->len - 40000, sent->data + sent->len - 40000,
			     40000) == 0);
		check_in_place(watch, traffic, !from, "the other direction", 0);
		watch_free(watch);
	}
	traffic_free(traffic);
}

/* The trace ends inside a record, or behind a gap without another record. */
TEST(rest_is_said)
{
	struct traffic *traffic = traffic_new(&(struct setup){ .version = TLS1_3_VERSION,
							       .messages = 12 });
	struct watch *watch = watch_new();
	uint64_t begin, end;
	struct cut cut;

	data_range(traffic, SERVER, &begin, &end);
	cut = (struct cut){ SERVER, end - 10000, 20000 };
	feed_all(watch, traffic, &cut, 1, MISSING);
	CHECK_EQ(watch->gap_count, 1);
	CHECK_STR(watch->gaps[0].why, "not copied");
	CHECK(watch->shown[SERVER].len < traffic->sent[SERVER].len + 200);
	CHECK(watch->shown[SERVER].len + 200 > traffic->sent[SERVER].len);
	watch_free(watch);
	traffic_free(traffic);
}

TEST_MAIN()
