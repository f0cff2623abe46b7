/* Facts of any kind and content: pieces, gaps, losses, keys, closes. The seeds are
 * real traffic with its keys, so that records do open. */
#include <stdbool.h>

#include "../unit/tls_traffic.h"
#include "fuzz.h"
#include "limits.h"
#include "tls/tls.h"

#define CONNS 4

enum op { OP_PIECE, OP_JUMP, OP_GAP, OP_LOSS, OP_KEY, OP_CLOSE, OP_TIME, OP_ANEW, OPS };

struct head {
	uint8_t op, conn, dir, label;
	uint16_t len;              /* bytes behind it */
	uint16_t argument;
};

struct state {
	struct tls *tls;
	struct conn conns[CONNS];
	uint64_t at[CONNS][2];     /* of what is fed */
	uint64_t shown[CONNS][2];  /* where the next plaintext must be */
	uint64_t bytes[2], missing[2];
	uint64_t next_id, now;
	bool ended;
};

static const char *const names[] = {
	"", "CLIENT_RANDOM", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
	"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "CLIENT_EARLY_TRAFFIC_SECRET",
	"EXPORTER_SECRET",
};

#define NAMES (sizeof(names) / sizeof(*names))

static void touch(struct text text)
{
	volatile char sum = 0;

	for (size_t i = 0; i < text.len; i++)
		sum = (char)(sum + text.data[i]);
}

static void check_plaintext(struct state *state, const struct fact *fact)
{
	const struct fact_plaintext *plaintext = &fact->plaintext;
	uint64_t number = fact->conn->number;

	FUZZ_ASSERT(plaintext->dir <= DIR_IN && plaintext->via);
	FUZZ_ASSERT(plaintext->data.len <= plaintext->len && plaintext->len);
	FUZZ_ASSERT((plaintext->gap != NULL) == (plaintext->data.len < plaintext->len));
	touch(plaintext->data);
	state->bytes[plaintext->dir] += plaintext->data.len;
	state->missing[plaintext->dir] += plaintext->len - plaintext->data.len;
	if (fact->conn->id != state->conns[number].id)
		return;                /* of the one that had this place before */
	FUZZ_ASSERT(plaintext->offset == state->shown[number][plaintext->dir]);
	state->shown[number][plaintext->dir] += plaintext->len;
}

static void check_tls(const struct fact_tls *tls)
{
	FUZZ_ASSERT(tls->moment >= TLS_HANDSHAKE && tls->moment <= TLS_UNSEEN);
	FUZZ_ASSERT(tls->duration >= -1 && tls->resumed >= -1 && tls->resumed <= 1);
	FUZZ_ASSERT(tls->moment == TLS_HANDSHAKE || tls->error.len);
	FUZZ_ASSERT(tls->cert_count <= MAX_CERTS && tls->client_cert_count <= MAX_CERTS);
	touch(tls->sni);
	touch(tls->alpn);
	touch(tls->error);
}

static void on_fact(void *context, const struct fact *fact)
{
	struct state *state = context;

	switch (fact->type) {
	case FACT_PLAINTEXT:
		FUZZ_ASSERT(fact->conn);
		check_plaintext(state, fact);
		break;
	case FACT_TLS:
		FUZZ_ASSERT(fact->conn);
		check_tls(&fact->tls);
		touch(fact->conn->local);
		touch(fact->conn->remote);
		break;
	case FACT_SECRET:
		FUZZ_ASSERT(fact->secret.label[0] && fact->secret.random.len == 32);
		touch(fact->secret.secret);
		break;
	case FACT_SUMMARY:
		for (int dir = 0; dir < 2; dir++) {
			FUZZ_ASSERT(fact->summary.tls.bytes[dir] == state->bytes[dir]);
			FUZZ_ASSERT(fact->summary.tls.missing[dir] == state->missing[dir]);
		}
		state->ended = true;
		break;
	default:
		break;
	}
}

static void renew(struct state *state, int conn)
{
	state->conns[conn] = (struct conn){
		.id = ++state->next_id, .number = (uint64_t)conn, .type = conn == 3 ? 2 : 1,
		.family = 2, .transport = conn == 3 ? "udp" : "tcp", .local = TEXT("a:1"),
		.kind = conn == 2 ? OPEN_EXISTING : OPEN_CONNECT,
	};
	for (int dir = 0; dir < 2; dir++)
		state->at[conn][dir] = state->shown[conn][dir] = 0;
}

static void do_piece(struct state *state, struct fact *fact, const struct head *head,
		     const uint8_t *data)
{
	uint64_t *at = &state->at[head->conn][head->dir];
	int16_t jump = head->op == OP_JUMP ? (int16_t)head->argument : 0;

	if (jump > 0 || (uint64_t)-jump <= *at)
		*at += (uint64_t)(int64_t)jump;
	fact->type = FACT_IO;
	fact->io = (struct fact_io){
		.dir = head->dir, .fd = -1, .offset = *at, .len = head->len,
		.data = { (const char *)data, head->len },
	};
	if (head->op == OP_GAP) {
		fact->io.len += head->argument;
		fact->io.gap = head->argument ? "not copied" : NULL;
	}
	fact->io.moved = fact->io.len;
	*at += fact->io.len;
	tls_fact(state->tls, fact);
}

static void do_key(struct state *state, struct fact *fact, const struct head *head,
		   const uint8_t *data)
{
	size_t random = head->argument & 1 ? 32 : 0;

	if (head->len < random)
		return;
	fact->type = FACT_SECRET;
	fact->conn = NULL;
	fact->secret = (struct fact_secret){
		.label = names[head->label % NAMES], .random = { (const char *)data, random },
		.secret = { (const char *)data + random, head->len - random }, .via = "births",
	};
	tls_fact(state->tls, fact);
}

static void do_op(struct state *state, const struct head *head, const uint8_t *data)
{
	struct fact fact = { .time = state->now, .pid = 1 + head->argument % 2, .comm = "fuzz",
			     .conn = &state->conns[head->conn] };

	switch (head->op) {
	case OP_LOSS:
		fact.type = FACT_LOSS;
		fact.loss = (struct fact_loss){
			.dir = head->dir, .has_dir = true, .events = 1, .where = "ring",
			.offset = state->at[head->conn][head->dir], .bytes = head->argument,
		};
		state->at[head->conn][head->dir] += head->argument;
		tls_fact(state->tls, &fact);
		break;
	case OP_KEY:
		do_key(state, &fact, head, data);
		break;
	case OP_CLOSE:
		fact.type = FACT_CLOSE;
		tls_fact(state->tls, &fact);
		break;
	case OP_TIME:
		state->now += (uint64_t)head->argument * 1000000;
		break;
	case OP_ANEW:
		renew(state, head->conn);
		break;
	default:
		do_piece(state, &fact, head, data);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fact end = { .type = FACT_SUMMARY, .comm = "fuzz" };
	struct state state = { .now = 1000 };

	state.tls = tls_new(true, on_fact, &state);
	FUZZ_ASSERT(state.tls);
	for (int i = 0; i < CONNS; i++)
		renew(&state, i);
	while (size >= sizeof(struct head)) {
		struct head head;
		uint8_t *copy;

		memcpy(&head, data, sizeof(head));
		data += sizeof(head);
		size -= sizeof(head);
		head.op %= OPS;
		head.conn %= CONNS;
		head.dir &= 1;
		if (head.len > size)
			head.len = (uint16_t)size;
		copy = malloc(head.len ? head.len : 1);
		memcpy(copy, data, head.len);
		do_op(&state, &head, copy);
		free(copy);
		data += head.len;
		size -= head.len;
		state.now += 1000;
	}
	tls_fact(state.tls, &end);
	FUZZ_ASSERT(state.ended);
	tls_free(state.tls);
	return 0;
}

static size_t put(uint8_t *to, size_t room, struct head head, const void *data)
{
	if (sizeof(head) + head.len > room)
		return 0;
	memcpy(to, &head, sizeof(head));
	if (head.len)
		memcpy(to + sizeof(head), data, head.len);
	return sizeof(head) + head.len;
}

static size_t put_key(uint8_t *to, size_t room, const struct secret_line *line, bool named)
{
	uint8_t bytes[96];
	struct head head = { .op = OP_KEY, .argument = named };
	size_t random = named ? 32 : 0;

	for (size_t i = 1; i < NAMES; i++)
		if (strcmp(names[i], line->label) == 0)
			head.label = (uint8_t)i;
	if (!named && head.label != 1)
		head.label = 0;
	memcpy(bytes, line->random, random);
	memcpy(bytes + random, line->secret, line->len);
	head.len = (uint16_t)(random + line->len);
	return put(to, room, head, bytes);
}

size_t fuzz_seed(uint64_t number, uint8_t *data, size_t room)
{
	static const struct setup setups[] = {
		{ .version = TLS1_3_VERSION },
		{ .version = TLS1_2_VERSION },
		{ .version = TLS1_2_VERSION, .ciphers = "AES128-SHA", .renegotiate = true },
		{ .version = TLS1_3_VERSION, .updates = 2, .client_cert = true,
		  .suites = "TLS_CHACHA20_POLY1305_SHA256" },
		{ .version = TLS1_VERSION, .ciphers = "AES128-SHA", .no_etm = true },
		{ .version = TLS1_3_VERSION, .client_groups = "X25519:P-256",
		  .server_groups = "P-256" },
	};
	struct setup setup = setups[number % 6];
	struct traffic *traffic;
	uint64_t random = number;
	size_t at = 0;

	setup.messages = 3;
	setup.message = number / 6 % 2 ? 1500 : 40;
	traffic = traffic_new(&setup);
	for (size_t i = 0; i < traffic->count; i++) {
		const struct step *step = &traffic->steps[i];

		if (step->from < 0) {
			at += put_key(data + at, room - at, &step->line, number % 3);
			continue;
		}
		for (size_t done = 0, now; done < step->len; done += now) {
			struct head head = { .op = OP_PIECE, .conn = (uint8_t)(number % 3),
					     .dir = (uint8_t)step->from };

			now = 1 + test_random(&random) % (2 * (step->len - done));
			now = now < step->len - done ? now : step->len - done;
			head.len = (uint16_t)now;
			at += put(data + at, room - at, head, step->data + done);
		}
	}
	at += put(data + at, room - at, (struct head){ .op = OP_CLOSE }, NULL);
	traffic_free(traffic);
	return at;
}
