/* Each allocation of the decryptor fails once, or from then on: what is shown then
 * is true all the same, and nothing is left behind. */
#include "failing.h"
#include "tls_watch.h"

static size_t budget;          /* allocations inside the decryptor that succeed */
static bool once;

struct honest {
	const struct traffic *traffic;
	size_t found[2];           /* how far in what was sent */
	bool wrong;
};

static void on_fact(void *context, const struct fact *fact)
{
	struct honest *honest = context;
	const struct buf *sent;
	const char *place;
	size_t *found;

	if (fact->type != FACT_PLAINTEXT || !fact->plaintext.data.len)
		return;
	sent = &honest->traffic->sent[fact->plaintext.dir];
	found = &honest->found[fact->plaintext.dir];
	place = memmem(sent->data + *found, sent->len - *found, fact->plaintext.data.data,
		       fact->plaintext.data.len);
	honest->wrong |= !place;
	if (place)
		*found = (size_t)(place - sent->data) + fact->plaintext.data.len;
}

static void pass(struct tls *tls, const struct fact *fact)
{
	size_t failed = failing_count;

	failing_after = budget;
	tls_fact(tls, fact);
	budget = failing_after;
	failing_after = SIZE_MAX;
	if (once && failing_count > failed)
		budget = SIZE_MAX;
}

static void pass_step(struct watch *watch, const struct step *step)
{
	struct fact fact = watch_head(watch, step->from < 0 ? FACT_SECRET : FACT_IO);

	if (step->from < 0) {
		fact.conn = NULL;
		fact.secret = (struct fact_secret){
			.label = step->line.label, .random = { (char *)step->line.random, 32 },
			.secret = { (char *)step->line.secret, step->line.len },
		};
		pass(watch->tls, &fact);
		return;
	}
	for (size_t done = 0, now; done < step->len; done += now) {
		now = step->len - done < 1000 ? step->len - done : 1000;
		fact.io = (struct fact_io){
			.dir = (uint8_t)step->from, .offset = watch->at[step->from] + done,
			.len = now, .moved = now, .data = { (char *)step->data + done, now },
		};
		pass(watch->tls, &fact);
	}
	watch->at[step->from] += step->len;
}

/* Whether an allocation failed at all. */
static bool run(const struct traffic *traffic, size_t allowed)
{
	struct honest honest = { .traffic = traffic };
	struct watch *watch = watch_new();
	struct fact fact;
	bool failed;

	failing_count = 0;
	tls_free(watch->tls);
	failing_after = allowed;
	watch->tls = tls_new(true, on_fact, &honest);
	budget = failing_after;
	failing_after = SIZE_MAX;
	if (watch->tls) {
		for (size_t i = 0; i < traffic->count; i++)
			pass_step(watch, &traffic->steps[i]);
		fact = watch_head(watch, FACT_CLOSE);
		pass(watch->tls, &fact);
		fact = watch_head(watch, FACT_SUMMARY);
		fact.conn = NULL;
		pass(watch->tls, &fact);
	}
	failed = failing_count > 0;
	if (honest.wrong)
		test_fail(__FILE__, __LINE__, "after %zu allocations: other bytes than sent", allowed);
	if (!failed && (honest.found[0] != traffic->sent[0].len ||
			honest.found[1] != traffic->sent[1].len))
		test_fail(__FILE__, __LINE__, "not all was shown");
	watch_free(watch);
	return failed;
}

static void check(const struct setup *setup)
{
	struct traffic *traffic = traffic_new(setup);
	size_t used = 0, allowed = 0;

	run(traffic, SIZE_MAX);
	for (; run(traffic, allowed); allowed++)
		if (allowed == 0)
			used = failing_used();
	CHECK(allowed > 50);
	/* libcrypto keeps a little of its own. */
	CHECK(failing_used() < used + 20000);
	traffic_free(traffic);
}

static const struct setup tls13 = { .version = TLS1_3_VERSION, .messages = 3, .message = 3000 };
static const struct setup tls12 = { .version = TLS1_2_VERSION, .ciphers = "AES128-SHA256",
				    .messages = 3, .message = 3000 };

TEST(one_allocation_fails)
{
	once = true;
	check(&tls13);
	check(&tls12);
}

TEST(all_fail_from_then_on)
{
	once = false;
	check(&tls13);
	check(&tls12);
}

TEST_MAIN()
