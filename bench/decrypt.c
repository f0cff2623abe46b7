/* How fast one core opens records: the tls stage by itself, fed from memory with
 * pieces of 64 KiB, as the ring has them. Plaintext per second, head to tail. */
#include <time.h>

#include "../tests/unit/tls_watch.h"

#define TOTAL (96u << 20)
#define MESSAGE (1u << 20)
#define PIECE 65536

static uint64_t shown;

static void on_fact(void *context, const struct fact *fact)
{
	(void)context;
	if (fact->type == FACT_PLAINTEXT)
		shown += fact->plaintext.data.len;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pass_piece(struct watch *watch, int from, uint64_t offset, const uint8_t *data,
		       size_t len)
{
	struct fact fact = watch_head(watch, FACT_IO);

	fact.io = (struct fact_io){
		.op = "write", .dir = (uint8_t)from, .fd = 3, .offset = offset, .len = len,
		.moved = len, .data = { (const char *)data, len },
	};
	tls_fact(watch->tls, &fact);
}

static double run(const struct traffic *traffic)
{
	struct watch *watch = watch_new();
	uint64_t at[2] = { 0, 0 };
	double begin;

	tls_free(watch->tls);
	watch->tls = tls_new(true, on_fact, NULL);
	shown = 0;
	begin = seconds();
	for (size_t i = 0; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];

		if (step->from < 0)
			feed_secret(watch, &step->line, NAMED);
		for (size_t done = 0; step->from >= 0 && done < step->len;) {
			size_t now = step->len - done < PIECE ? step->len - done : PIECE;

			pass_piece(watch, step->from, at[step->from], step->data + done, now);
			at[step->from] += now;
			done += now;
		}
	}
	begin = seconds() - begin;
	watch_free(watch);
	return begin;
}

static void measure(const char *name, int version, const char *cipher, size_t fragment)
{
	struct setup setup = {
		.version = version, .fragment = fragment, .message = MESSAGE,
		.messages = TOTAL / MESSAGE / 2, .ciphers = cipher,
		.suites = version == TLS1_3_VERSION ? cipher : NULL,
	};
	struct traffic *traffic;
	double best = 1e9;

	if (version == TLS1_3_VERSION)
		setup.ciphers = NULL;
	traffic = traffic_new(&setup);
	for (int i = 0; i < 5; i++) {
		double took = run(traffic);

		best = took < best ? took : best;
	}
	if (shown != TOTAL)
		printf("%s: %llu of %u bytes shown\n", name, (unsigned long long)shown, TOTAL);
	printf("%-26s %5zu  %6.2f GB/s  %6.0f ns a record\n", name, fragment, TOTAL / best / 1e9,
	       best * 1e9 / ((double)TOTAL / (double)fragment));
	fflush(stdout);
	traffic_free(traffic);
}

int main(void)
{
	static const size_t fragments[] = { 16384, 1024 };

	for (int i = 0; i < 2; i++) {
		size_t len = fragments[i];

		measure("AES-128-GCM, TLS 1.3", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", len);
		measure("AES-128-GCM, TLS 1.2", TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", len);
		measure("AES-256-GCM, TLS 1.3", TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", len);
		measure("ChaCha20-Poly1305, TLS 1.3", TLS1_3_VERSION,
			"TLS_CHACHA20_POLY1305_SHA256", len);
		measure("AES-128-CBC-SHA256", TLS1_2_VERSION, "AES128-SHA256", len);
	}
	return 0;
}
