/* Feeds traffic to the decryptor, cut and mixed in many ways, and collects what it
 * shows. */
#ifndef GLASSTAP_TLS_WATCH_H
#define GLASSTAP_TLS_WATCH_H

#include <sys/socket.h>

#include "tls/tls.h"
#include "tls_traffic.h"

#define WATCH_GAPS 256
#define WATCH_LINES 256

struct seen_gap {
	int from;
	uint64_t offset, len;
	char why[64];
};

/* What was shown of one connection; by direction. */
struct watch {
	struct tls *tls;
	struct conn conn;
	int client_dir;            /* DIR_OUT: the client is traced; DIR_IN: the server */
	uint64_t now;
	uint64_t at[2];            /* offsets in the ciphertext, by who sends */
	struct buf shown[2];       /* plaintext; gaps as zeros */
	struct seen_gap gaps[WATCH_GAPS];
	size_t gap_count;
	bool disorder;             /* an offset that is not where the last piece ended */
	bool bare;                 /* plaintext without via */
	int handshakes, alerts, unseen, summaries;
	struct fact_tls last;      /* slices invalid, but for the texts below */
	char sni[64], alpn[64], error[256], why_unseen[256], cert[64], client_cert[64];
	char lines[WATCH_LINES][40];
	struct secret_line secrets[WATCH_LINES];
	size_t line_count;
	struct fact_tls_sums sums;
};

static void copy_text(char *to, size_t room, struct text text)
{
	snprintf(to, room, "%.*s", (int)text.len, text.len ? text.data : "");
}

static void watch_plaintext(struct watch *watch, const struct fact_plaintext *plaintext)
{
	int from = plaintext->dir == watch->client_dir ? CLIENT : SERVER;
	struct buf *shown = &watch->shown[from];
	struct seen_gap *gap;

	watch->disorder |= plaintext->offset != shown->len;
	watch->bare |= !plaintext->via;
	buf_text(shown, plaintext->data);
	if (plaintext->data.len == plaintext->len)
		return;
	buf_fill(shown, '\0', plaintext->len - plaintext->data.len);
	if (watch->gap_count == WATCH_GAPS)
		return;
	gap = &watch->gaps[watch->gap_count++];
	*gap = (struct seen_gap){ from, plaintext->offset, plaintext->len, "" };
	snprintf(gap->why, sizeof(gap->why), "%s", plaintext->gap);
}

static void watch_tls(struct watch *watch, const struct fact_tls *tls)
{
	if (tls->moment == TLS_UNSEEN) {
		watch->unseen++;
		copy_text(watch->why_unseen, sizeof(watch->why_unseen), tls->error);
		return;
	}
	copy_text(watch->error, sizeof(watch->error), tls->error);
	if (tls->moment == TLS_ALERT) {
		watch->alerts++;
		return;
	}
	watch->handshakes++;
	watch->last = *tls;
	copy_text(watch->sni, sizeof(watch->sni), tls->sni);
	copy_text(watch->alpn, sizeof(watch->alpn), tls->alpn);
	if (tls->cert_count)
		copy_text(watch->cert, sizeof(watch->cert), tls->certs[0].subject);
	if (tls->client_cert_count)
		copy_text(watch->client_cert, sizeof(watch->client_cert),
			  tls->client_certs[0].subject);
}

static void watch_fact(void *context, const struct fact *fact)
{
	struct watch *watch = context;
	struct secret_line *line;

	switch (fact->type) {
	case FACT_PLAINTEXT:
		watch_plaintext(watch, &fact->plaintext);
		break;
	case FACT_TLS:
		watch_tls(watch, &fact->tls);
		break;
	case FACT_SECRET:
		if (watch->line_count == WATCH_LINES)
			break;
		line = &watch->secrets[watch->line_count++];
		snprintf(line->label, sizeof(line->label), "%s", fact->secret.label);
		memcpy(line->random, fact->secret.random.data, fact->secret.random.len);
		memcpy(line->secret, fact->secret.secret.data, fact->secret.secret.len);
		line->len = fact->secret.secret.len;
		break;
	case FACT_SUMMARY:
		watch->summaries++;
		watch->sums = fact->summary.tls;
		break;
	default:
		break;
	}
}

static struct watch *watch_new(void)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	watch->tls = tls_new(true, watch_fact, watch);
	watch->now = 1000000;
	watch->conn = (struct conn){
		.id = 1, .number = 1, .pid = 10, .fd = 3, .kind = OPEN_CONNECT,
		.family = AF_INET, .type = SOCK_STREAM, .transport = "tcp",
		.local = TEXT("127.0.0.1:1000"), .remote = TEXT("127.0.0.1:443"),
	};
	return watch;
}

static void watch_free(struct watch *watch)
{
	tls_free(watch->tls);
	buf_free(&watch->shown[0]);
	buf_free(&watch->shown[1]);
	free(watch);
}

/* Another connection: what was shown of the last one is forgotten. */
static void watch_next(struct watch *watch)
{
	struct watch fresh = { .tls = watch->tls, .conn = watch->conn, .now = watch->now,
			       .client_dir = watch->client_dir };

	buf_free(&watch->shown[0]);
	buf_free(&watch->shown[1]);
	*watch = fresh;
	watch->conn.id++;
	watch->conn.number++;
}

static struct fact watch_head(struct watch *watch, enum fact_type type)
{
	return (struct fact){ .type = type, .time = watch->now, .pid = 10, .tid = 11,
			      .comm = "test", .conn = &watch->conn };
}

static int dir_of(const struct watch *watch, int from)
{
	return from == CLIENT ? watch->client_dir : !watch->client_dir;
}

/* A piece in memory that ends with it, and is gone when the fact has passed. */
static void feed_at(struct watch *watch, int from, uint64_t offset, const void *data, size_t len)
{
	struct fact fact = watch_head(watch, FACT_IO);
	char *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	watch->now += 1000;
	fact.io = (struct fact_io){
		.op = "write", .dir = (uint8_t)dir_of(watch, from), .fd = 3, .offset = offset,
		.len = len, .moved = len, .data = { copy, len },
	};
	tls_fact(watch->tls, &fact);
	memset(copy, 0xee, len);
	free(copy);
}

static void feed(struct watch *watch, int from, const void *data, size_t len)
{
	feed_at(watch, from, watch->at[from], data, len);
	watch->at[from] += len;
}

/* Bytes that moved and were not copied. */
static void feed_gap(struct watch *watch, int from, size_t len)
{
	struct fact fact = watch_head(watch, FACT_IO);

	watch->now += 1000;
	fact.io = (struct fact_io){
		.op = "write", .dir = (uint8_t)dir_of(watch, from), .fd = 3,
		.offset = watch->at[from], .len = len, .moved = len, .gap = "not copied",
	};
	watch->at[from] += len;
	tls_fact(watch->tls, &fact);
}

static void feed_loss(struct watch *watch, int from, size_t len)
{
	struct fact fact = watch_head(watch, FACT_LOSS);

	watch->now += 1000;
	fact.loss = (struct fact_loss){
		.dir = (uint8_t)dir_of(watch, from), .has_dir = true, .offset = watch->at[from],
		.bytes = len, .events = 1, .where = "ring",
	};
	watch->at[from] += len;
	tls_fact(watch->tls, &fact);
}

enum naming { NAMED, UNNAMED };

static void feed_secret(struct watch *watch, const struct secret_line *line, enum naming naming)
{
	struct fact fact = watch_head(watch, FACT_SECRET);
	bool master = strcmp(line->label, "CLIENT_RANDOM") == 0;

	fact.conn = NULL;
	fact.secret = (struct fact_secret){
		.label = naming == NAMED || master ? line->label : "",
		.random = { (const char *)line->random, naming == NAMED ? 32 : 0 },
		.secret = { (const char *)line->secret, line->len }, .via = "births",
	};
	tls_fact(watch->tls, &fact);
}

static void feed_close(struct watch *watch)
{
	struct fact fact = watch_head(watch, FACT_CLOSE);

	tls_fact(watch->tls, &fact);
}

static void feed_summary(struct watch *watch)
{
	struct fact fact = watch_head(watch, FACT_SUMMARY);

	fact.conn = NULL;
	tls_fact(watch->tls, &fact);
}

enum keys_when { KEYS_IN_PLACE, KEYS_FIRST, KEYS_LAST, KEYS_NEVER };

struct feeding {
	enum keys_when keys;
	enum naming naming;
	size_t cut;                /* bytes a piece; 0: as they were written; -1: by chance */
	bool no_close;
};

static void feed_keys(struct watch *watch, const struct traffic *traffic, enum naming naming)
{
	for (size_t i = 0; i < traffic->count; i++)
		if (traffic->steps[i].from < 0)
			feed_secret(watch, &traffic->steps[i].line, naming);
}

static void feed_cut(struct watch *watch, int from, const uint8_t *data, size_t len, size_t cut,
		     uint64_t *random)
{
	while (len) {
		size_t now = cut == (size_t)-1 ? test_random(random) % (len + len / 2) + 1 :
			     cut ? cut : len;

		if (now > len)
			now = len;
		feed(watch, from, data, now);
		data += now;
		len -= now;
	}
}

static void feed_traffic(struct watch *watch, const struct traffic *traffic,
			 const struct feeding *how)
{
	uint64_t random = 7;

	if (how->keys == KEYS_FIRST)
		feed_keys(watch, traffic, how->naming);
	for (size_t i = 0; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];

		if (step->from >= 0)
			feed_cut(watch, step->from, step->data, step->len, how->cut, &random);
		else if (how->keys == KEYS_IN_PLACE)
			feed_secret(watch, &step->line, how->naming);
	}
	if (how->keys == KEYS_LAST)
		feed_keys(watch, traffic, how->naming);
	if (!how->no_close)
		feed_close(watch);
}

static size_t secret_count(const struct traffic *traffic)
{
	size_t count = 0;

	for (size_t i = 0; i < traffic->count; i++)
		count += traffic->steps[i].from < 0;
	return count;
}

/* All of both directions' plaintext, no more, and nothing missing. */
static void check_all_shown(const struct watch *watch, const struct traffic *traffic,
			    const char *what)
{
	for (int from = 0; from < 2; from++) {
		const struct buf *shown = &watch->shown[from], *sent = &traffic->sent[from];

		if (shown->len != sent->len || memcmp(shown->data, sent->data, sent->len) != 0)
			test_fail(__FILE__, __LINE__,
				  "%s: %zu bytes shown of the %s's %zu; error '%s%s'", what,
				  shown->len, from == CLIENT ? "client" : "server", sent->len,
				  watch->error, watch->why_unseen);
	}
	if (watch->gap_count)
		test_fail(__FILE__, __LINE__, "%s: %zu gaps", what, watch->gap_count);
	if (watch->disorder || watch->bare)
		test_fail(__FILE__, __LINE__, "%s: wrong offsets, or no via", what);
}

#endif
