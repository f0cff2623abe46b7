/* A fact made of any bytes: JSON must be one valid object a line, text must be
 * safe for a terminal, and no data may look like a line of ours. */
#include <stdlib.h>

#include "../unit/output_check.h"
#include "fuzz.h"
#include "out/out.h"

struct input {
	const uint8_t *at;
	size_t left;
};

static uint64_t take(struct input *input, size_t bytes)
{
	uint64_t value = 0;

	for (; bytes && input->left; bytes--, input->left--)
		value = value << 8 | *input->at++;
	return value;
}

/* Few bytes give a small number, as they mostly are, and sometimes any. */
static uint64_t take_number(struct input *input)
{
	return take(input, take(input, 1) % 9);
}

static struct text take_text(struct input *input, size_t most)
{
	size_t len = take(input, most > 255 ? 2 : 1) % (most + 1);
	struct text text;

	if (len > input->left)
		len = input->left;
	text = (struct text){ (const char *)input->at, len };
	input->at += len;
	input->left -= len;
	return text;
}

static const char *take_word(struct input *input)
{
	static const char *const words[] = { NULL, "connect", "accept", "cut", "ring", "sendto", "tcp", "" };

	return words[take(input, 1) % 8];
}

static void take_comm(struct input *input, char comm[EVENT_COMM])
{
	struct text text = take_text(input, EVENT_COMM - 1);

	memset(comm, 0, EVENT_COMM);
	memcpy(comm, text.data, text.len);
}

static void take_conn(struct input *input, struct conn *conn)
{
	conn->number = take_number(input);
	conn->fd = (int)take(input, 4);
	conn->family = (uint16_t)take(input, 1);
	conn->inode = (uint32_t)take(input, 4);
	conn->peer_pid = (uint32_t)take(input, 4);
	conn->peer_inode = (uint32_t)take(input, 4);
	conn->transport = take_word(input);
	conn->local = take_text(input, 110);
	conn->remote = take_text(input, 110);
}

static void take_io(struct input *input, struct fact_io *io)
{
	io->op = take_word(input);
	io->dir = take(input, 1) & 1;
	io->fd = (int)take(input, 4);
	io->offset = take_number(input);
	io->len = take_number(input);
	io->done = take_number(input);
	io->moved = take_number(input);
	io->gap = take_word(input);
	io->peer = take_text(input, 60);
	io->data = take_text(input, EVENT_PIECE - 1);
}

static void take_exec(struct input *input, struct fact_exec *exec)
{
	exec->ppid = (uint32_t)take(input, 4);
	exec->uid = (uint32_t)take(input, 4);
	exec->argv_len = take_number(input);
	exec->filename = take_text(input, 4096);
	exec->cwd = take_text(input, 4096);
	exec->argv = take_text(input, 4096);
}

static void take_summary(struct input *input, struct fact_summary *summary)
{
	uint64_t *number = (uint64_t *)summary;

	for (size_t i = 0; i < sizeof(*summary) / sizeof(*number); i++)
		number[i] = take_number(input);
}
_Static_assert(sizeof(struct fact_summary) % sizeof(uint64_t) == 0, "numbers only");

static void take_cert(struct input *input, struct fact_cert *cert)
{
	cert->subject = take_text(input, 200);
	cert->issuer = take_text(input, 200);
	cert->san = take_text(input, 500);
	cert->not_before = (int64_t)take_number(input);
	cert->not_after = (int64_t)take_number(input);
	cert->is_ca = take(input, 1) & 1;
}

static void take_tls(struct input *input, struct fact_tls *tls, struct fact_cert certs[2])
{
	tls->moment = 1 + take(input, 1) % 3;
	tls->client_dir = take(input, 1) & 1;
	tls->client_dir_known = take(input, 1) & 1;
	tls->version = take_word(input);
	tls->cipher = take_word(input);
	tls->sni = take_text(input, 255);
	tls->alpn = take_text(input, 255);
	tls->resumed = (int)(take(input, 1) % 3) - 1;
	tls->early_data = take(input, 1) & 1;
	tls->hello_retry = take(input, 1) & 1;
	tls->duration = (int64_t)take_number(input);
	tls->via = take_word(input);
	tls->error = take_text(input, 100);
	tls->certs = tls->client_certs = certs;
	tls->cert_count = take(input, 1) % 3;
	tls->client_cert_count = take(input, 1) % 3;
	take_cert(input, &certs[0]);
	take_cert(input, &certs[1]);
}

static void take_plaintext(struct input *input, struct fact_plaintext *plaintext)
{
	plaintext->dir = take(input, 1) & 1;
	plaintext->offset = take_number(input);
	plaintext->len = take_number(input);
	plaintext->gap = take_word(input);
	plaintext->via = take_word(input);
	plaintext->data = take_text(input, EVENT_PIECE - 1);
}

static void take_secret(struct input *input, struct fact_secret *secret, char label[SECRET_LABEL])
{
	struct text text = take_text(input, SECRET_LABEL - 1);

	memset(label, 0, SECRET_LABEL);
	memcpy(label, text.data, text.len);
	secret->label = label;
	secret->random = take_text(input, 32);
	secret->secret = take_text(input, SECRET_MAX);
	secret->via = take_word(input);
}

/* What a fact points to. */
struct behind {
	struct fact_cert certs[2];
	char label[SECRET_LABEL];
};

static void take_fact(struct input *input, struct fact *fact, struct behind *behind)
{
	switch (fact->type) {
	case FACT_IO:
		take_io(input, &fact->io);
		break;
	case FACT_OPEN:
		fact->open = (struct fact_open){ take_word(input), (int64_t)take_number(input),
						 (uint32_t)take(input, 4) };
		break;
	case FACT_CLOSE:
		fact->close = (struct fact_close){
			{ take_number(input), take_number(input) },
			(int64_t)take_number(input), take_word(input), (uint32_t)take(input, 4)
		};
		break;
	case FACT_EXEC:
		take_exec(input, &fact->exec);
		break;
	case FACT_EXIT:
		fact->exit = (struct fact_exit){ (int)take(input, 4), (int)take(input, 4),
						 take(input, 1) & 1, (int64_t)take_number(input) };
		break;
	case FACT_LOSS:
		fact->loss = (struct fact_loss){ take(input, 1) & 1, take(input, 1) & 1, take_number(input),
						 take_number(input), take_number(input), take_word(input) };
		break;
	case FACT_TLS:
		take_tls(input, &fact->tls, behind->certs);
		break;
	case FACT_PLAINTEXT:
		take_plaintext(input, &fact->plaintext);
		break;
	case FACT_SECRET:
		take_secret(input, &fact->secret, behind->label);
		break;
	default:
		take_summary(input, &fact->summary);
	}
}

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* "LABEL random secret": one line of it at most, and nothing else in another. */
static void check_keylog(const struct out_options *options, const struct fact *fact)
{
	struct buf out = { 0 };
	size_t spaces = 0;

	keylog_fact(&out, options, fact);
	for (size_t i = 0; i < out.len; i++) {
		spaces += out.data[i] == ' ';
		require((out.data[i] == '\n') == (i + 1 == out.len));
		require(out.data[i] == '\n' || (out.data[i] >= ' ' && out.data[i] < 0x7f));
	}
	require(spaces == (out.len ? 2 : 0) && (!out.len || fact->type == FACT_SECRET));
	buf_free(&out);
}

static void check_fact(const struct out_options *options, const struct fact *fact)
{
	struct buf out = { 0 };

	json_fact(&out, options, fact);
	require(fact->type == FACT_SECRET ? out.len == 0 : check_json_line(out.data, out.len));
	out.len = 0;
	text_fact(&out, options, fact);
	require(check_terminal(out.data, out.len, options->colour));
	require(check_indent(out.data, out.len));
	out.len = 0;
	if (fact->type == FACT_SUMMARY) {
		out_summary(&out, options, &fact->summary);
		require(check_terminal(out.data, out.len, options->colour));
	}
	require(!out.failed);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct conn conn = { 0 };
	struct fact fact = { 0 };
	struct out_options options = { 0 };
	struct behind behind;
	char comm[EVENT_COMM];
	uint64_t flags = take(&input, 1);

	fact.type = take(&input, 1) % FACT_TYPES;
	fact.time = take_number(&input);
	options.clock_offset = take_number(&input);
	options.zone_offset = (int64_t)take_number(&input);
	options.colour = flags & 1;
	options.hex = flags & 2;
	fact.pid = (uint32_t)take_number(&input);
	fact.tid = (uint32_t)take_number(&input);
	if (flags & 4) {
		take_comm(&input, comm);
		fact.comm = comm;
	}
	if (flags & 8) {
		take_conn(&input, &conn);
		fact.conn = &conn;
	}
	options.verbose = (flags & 16) != 0;
	take_fact(&input, &fact, &behind);
	check_fact(&options, &fact);
	check_keylog(&options, &fact);
	return 0;
}

/* Numbers and words of every kind of fact. */
size_t fuzz_seed(uint64_t number, uint8_t *data, size_t room)
{
	size_t len = room < 2000 ? room : 2000;
	uint64_t state = number;

	for (size_t i = 0; i < len; i++) {
		uint64_t random = fuzz_random(&state);

		data[i] = (uint8_t)(random >> 8);
		if (random & 1)
			data[i] = (uint8_t)" aB,\n\0\xc3\xa9"[random >> 8 & 7];
	}
	if (len > 1)
		data[1] = (uint8_t)(number % FACT_TYPES);
	return len;
}
