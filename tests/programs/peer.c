/* peer: what gotls does, on OpenSSL, with the same command line (see gotls/main.go),
 * and with what Go cannot do: choose the suite of TLS 1.3, ask for new keys in
 * mid-stream, CCM, encrypt-then-MAC off, a hello that must be said twice. It ends when a connection fails.
 *
 *     peer server [options] SPEC...
 *     peer client [options] SPEC@PORT[xN]...
 */
#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 16000

struct options {
	const char *certs, *name;
	bool mutual, wait, fresh, new_keys, small, retry;
	int conns, requests, up, down;
};

struct suite {
	const char *name, *tls12, *tls13;
};

static const struct suite suites[] = {
	{ "aes128", "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256" },
	{ "aes256", "ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384" },
	{ "chacha20", "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256" },
	{ "ccm128", "ECDHE-ECDSA-AES128-CCM", "TLS_AES_128_CCM_SHA256" },
	{ "ccm8", "ECDHE-ECDSA-AES128-CCM8", "TLS_AES_128_CCM_8_SHA256" },
	{ "cbc128", "ECDHE-ECDSA-AES128-SHA", NULL },
	{ "cbc256", "ECDHE-ECDSA-AES256-SHA", NULL },
	{ "cbc256sha384", "ECDHE-ECDSA-AES256-SHA384", NULL },
	{ "rsa128", "AES128-GCM-SHA256", NULL },
	{ "rsacbc128", "AES128-SHA", NULL },
};

/* One end of one connection, with the sums of its plaintext. */
struct end {
	SSL *ssl;
	int fd;
	char addresses[100];
	EVP_MD_CTX *hash[2];
	uint64_t len[2];
	char room[PIECE + 1];
	size_t have;
};

enum { OUT, IN };

static const struct options *options;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int left;

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "peer: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* ---- one end ---- */

static int port_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	get(fd, (struct sockaddr *)&address, &len);
	return ntohs(address.sin_port);
}

static struct end *end_new(SSL_CTX *context, int fd)
{
	struct end *end = calloc(1, sizeof(*end));

	if (!end || !(end->ssl = SSL_new(context)) || !SSL_set_fd(end->ssl, fd))
		fail("no room");
	end->fd = fd;
	/* As Go does: else head and body wait for each other, 40 ms each time. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	snprintf(end->addresses, sizeof(end->addresses), "local=127.0.0.1:%d remote=127.0.0.1:%d",
		 port_of(fd, getsockname), port_of(fd, getpeername));
	for (int i = 0; i < 2; i++) {
		end->hash[i] = EVP_MD_CTX_new();
		EVP_DigestInit_ex(end->hash[i], EVP_sha256(), NULL);
	}
	return end;
}

static void count(struct end *end, int way, const void *data, int len)
{
	EVP_DigestUpdate(end->hash[way], data, (size_t)len);
	end->len[way] += (uint64_t)len;
}

static void end_write(struct end *end, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		int done = SSL_write(end->ssl, at, (int)len);

		if (done <= 0)
			fail("write");
		count(end, OUT, at, done);
		at += done;
		len -= (size_t)done;
	}
}

/* False at the end of the stream. */
static bool end_read(struct end *end)
{
	int got = SSL_read(end->ssl, end->room + end->have, (int)(PIECE - end->have));

	if (got <= 0) {
		if (SSL_get_error(end->ssl, got) == SSL_ERROR_ZERO_RETURN)
			return false;
		fail("read");
	}
	count(end, IN, end->room + end->have, got);
	end->have += (size_t)got;
	end->room[end->have] = '\0';
	return true;
}

static void end_drop(struct end *end, size_t len)
{
	end->have -= len;
	memmove(end->room, end->room + len, end->have + 1);
}

static void end_report(struct end *end)
{
	static const char *const names[] = { "out", "in" };
	int version = SSL_version(end->ssl) - TLS1_VERSION;

	pthread_mutex_lock(&lock);
	printf("conn %s version=1.%d suite=%s resumed=%d", end->addresses, version,
	       SSL_CIPHER_standard_name(SSL_get_current_cipher(end->ssl)),
	       SSL_session_reused(end->ssl));
	for (int i = 0; i < 2; i++) {
		unsigned char digest[EVP_MAX_MD_SIZE];
		unsigned int size;

		EVP_DigestFinal_ex(end->hash[i], digest, &size);
		printf(" %s=%llu:", names[i], (unsigned long long)end->len[i]);
		for (unsigned int j = 0; j < size; j++)
			printf("%02x", digest[j]);
	}
	printf("\n");
	fflush(stdout);
	if (left > 0 && --left == 0)
		pthread_cond_signal(&ended);
	pthread_mutex_unlock(&lock);
}

static void end_free(struct end *end)
{
	for (int i = 0; i < 2; i++)
		EVP_MD_CTX_free(end->hash[i]);
	SSL_free(end->ssl);
	close(end->fd);
	free(end);
}

/* ---- messages ---- */

struct message {
	char first[200];
	size_t body;
};

/* False at the end of the stream, between messages. The body is read and dropped. */
static bool read_message(struct end *end, struct message *message)
{
	char *stop, *line;
	size_t head, left_over;

	while (!(stop = strstr(end->room, "\r\n\r\n"))) {
		if (end->have == PIECE)
			fail("a head is too long");
		if (!end_read(end)) {
			if (end->have)
				fail("a message is cut");
			return false;
		}
	}
	head = (size_t)(stop - end->room) + 4;
	stop[2] = '\0';
	snprintf(message->first, sizeof(message->first), "%.*s", (int)strcspn(end->room, "\r"),
		 end->room);
	message->body = 0;
	for (line = end->room; line; line = strstr(line, "\r\n")) {
		line += line == end->room ? 0 : 2;
		if (strncasecmp(line, "content-length:", 15) == 0)
			message->body = strtoul(line + 15, NULL, 10);
		if (!*line)
			break;
	}
	end_drop(end, head);
	for (left_over = message->body; left_over > end->have; ) {
		left_over -= end->have;
		end_drop(end, end->have);
		if (!end_read(end))
			fail("a body is cut");
	}
	end_drop(end, left_over);
	return true;
}

static void write_body(struct end *end, size_t len, bool text)
{
	static uint64_t seeds;
	uint64_t state = (__atomic_add_fetch(&seeds, 1, __ATOMIC_RELAXED) + ((uint64_t)getpid() << 32)) *
			 0x9e3779b97f4a7c15u;
	char data[PIECE];

	while (len) {
		size_t some = options->small ? 1 + len % 700 : sizeof(data);

		if (some > len)
			some = len;
		for (size_t i = 0; i < some; i++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			data[i] = text ? (char)(' ' + (state >> 32) % 95) : (char)(state >> 32);
		}
		end_write(end, data, some);
		len -= some;
	}
}

static void renew_keys(struct end *end, int turn)
{
	if (options->new_keys && SSL_version(end->ssl) == TLS1_3_VERSION && turn > 0 &&
	    !SSL_key_update(end->ssl, turn % 2 ? SSL_KEY_UPDATE_REQUESTED :
						 SSL_KEY_UPDATE_NOT_REQUESTED))
		fail("key update");
}

static void answer(struct end *end)
{
	struct message request;

	for (int turn = 0; read_message(end, &request); turn++) {
		char head[200], kind, *path = strchr(request.first, ' ');
		size_t len;

		if (!path || sscanf(path, " /%c%zu", &kind, &len) != 2)
			fail("a request makes no sense");
		renew_keys(end, turn);
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
		end_write(end, head, strlen(head));
		write_body(end, len, kind == 't');
	}
}

static void ask(struct end *end)
{
	struct message message;

	for (int turn = 0; turn < options->requests; turn++) {
		char head[300];
		bool text = turn % 2 == 0;

		renew_keys(end, turn);
		snprintf(head, sizeof(head), "POST /%c%d HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n",
			 text ? 't' : 'b', options->down, options->name, options->up);
		end_write(end, head, strlen(head));
		write_body(end, (size_t)options->up, text);
		if (!read_message(end, &message) || strcmp(message.first, "HTTP/1.1 200 OK") != 0 ||
		    message.body != (size_t)options->down)
			fail("the answer is wrong");
	}
}

/* ---- both sides ---- */

static void choose_suite(SSL_CTX *context, const char *name, int version)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(*suites); i++) {
		const struct suite *suite = &suites[i];

		if (strcmp(suite->name, name) != 0)
			continue;
		if (version == TLS1_3_VERSION ? suite->tls13 && SSL_CTX_set_ciphersuites(context, suite->tls13)
					      : SSL_CTX_set_cipher_list(context, suite->tls12))
			return;
	}
	fail("no such suite");
}

static void use_pair(SSL_CTX *context, const char *name)
{
	char file[4096];

	snprintf(file, sizeof(file), "%s/%s", options->certs, name);
	if (SSL_CTX_use_certificate_file(context, file, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) != 1)
		fail(file);
}

static SSL_CTX *make_context(const char *spec, bool server)
{
	SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	int version = strncmp(spec, "1.2", 3) == 0 ? TLS1_2_VERSION :
		      strncmp(spec, "1.3", 3) == 0 ? TLS1_3_VERSION : 0;
	int verify = !server ? SSL_VERIFY_PEER :
		     options->mutual ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE;
	const char *dash = strchr(spec, '-');
	char file[4096];

	if (!context || (!version && strncmp(spec, "any", 3) != 0))
		fail("no such SPEC");
	if (version && (!SSL_CTX_set_min_proto_version(context, version) ||
			!SSL_CTX_set_max_proto_version(context, version)))
		fail("version");
	if (dash) {
		char name[40];
		size_t len = strcspn(dash + 1, "@+");

		snprintf(name, sizeof(name), "%.*s", (int)len, dash + 1);
		choose_suite(context, name, version);
		/* 1.2-cbc128+noetm: MAC, then encrypt, as it was before RFC 7366. */
		if (strncmp(dash + 1 + len, "+noetm", 6) == 0)
			SSL_CTX_set_options(context, SSL_OP_NO_ENCRYPT_THEN_MAC);
	}
	/* Go's first guess is X25519, and it does not know X448: a HelloRetryRequest. */
	if (options->retry && !SSL_CTX_set1_groups_list(context, server ? "P-384" : "X448:X25519"))
		fail("groups");
	snprintf(file, sizeof(file), "%s/ca.pem", options->certs);
	if (!SSL_CTX_load_verify_locations(context, file, NULL))
		fail(file);
	SSL_CTX_set_verify(context, verify, NULL);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"peer", 4);
	if (server) {
		use_pair(context, "ecdsa.pem");
		use_pair(context, "rsa.pem");
	} else if (options->mutual) {
		use_pair(context, "client.pem");
	}
	return context;
}

struct job {
	SSL_CTX *context;
	int fd;
};

static void *serve_one(void *pointer)
{
	struct job *job = pointer;
	struct end *end = end_new(job->context, job->fd);

	if (SSL_accept(end->ssl) != 1)
		fail("accept");
	answer(end);
	SSL_shutdown(end->ssl);
	end_report(end);
	end_free(end);
	free(job);
	return NULL;
}

static void in_thread(void *(*function)(void *), SSL_CTX *context, int fd)
{
	struct job *job = malloc(sizeof(*job));
	pthread_t thread;

	if (!job)
		fail("no room");
	*job = (struct job){ context, fd };
	if (pthread_create(&thread, NULL, function, job))
		fail("no thread");
	pthread_detach(thread);
}

static void *accept_all(void *pointer)
{
	struct job *job = pointer;

	for (;;) {
		int fd = accept(job->fd, NULL, NULL);

		if (fd < 0)
			fail("accept");
		in_thread(serve_one, job->context, fd);
	}
	return NULL;
}

static int serve(char **specs)
{
	left = options->conns;
	for (; *specs; specs++) {
		struct sockaddr_in address = { .sin_family = AF_INET };
		socklen_t len = sizeof(address);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 1024) < 0 ||
		    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
			fail("listen");
		printf("port %s %d\n", *specs, ntohs(address.sin_port));
		in_thread(accept_all, make_context(*specs, true), fd);
	}
	printf("ready\n");
	fflush(stdout);
	pthread_mutex_lock(&lock);
	while (!options->conns || left)
		pthread_cond_wait(&ended, &lock);
	pthread_mutex_unlock(&lock);
	return 0;
}

static SSL_SESSION *connect_once(SSL_CTX *context, int port, SSL_SESSION *session)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct end *end;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connect");
	end = end_new(context, fd);
	if (session)
		SSL_set_session(end->ssl, session);
	SSL_SESSION_free(session);
	SSL_set_tlsext_host_name(end->ssl, options->name);
	SSL_set1_host(end->ssl, options->name);
	if (SSL_connect(end->ssl) != 1)
		fail("handshake");
	ask(end);
	session = SSL_get1_session(end->ssl);
	/* Both directions are closed by a word, so that the other side reads all. */
	if (SSL_shutdown(end->ssl) == 0)
		SSL_shutdown(end->ssl);
	end_report(end);
	end_free(end);
	if (options->fresh) {
		SSL_SESSION_free(session);
		session = NULL;
	}
	return session;
}

static int connect_all(char **targets)
{
	if (options->wait) {
		printf("waiting\n");
		fflush(stdout);
		while (getchar() != '\n' && !feof(stdin))
			;
	}
	for (; *targets; targets++) {
		const char *at = strchr(*targets, '@'), *times;
		SSL_CTX *context = make_context(*targets, false);
		SSL_SESSION *session = NULL;
		int many;

		if (!at)
			fail("a target is SPEC@PORT[xN]");
		times = strchr(at, 'x');
		many = times ? atoi(times + 1) : 1;
		for (int i = 0; i < many; i++)
			session = connect_once(context, atoi(at + 1), session);
		SSL_SESSION_free(session);
		SSL_CTX_free(context);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "certs", required_argument, NULL, 'c' }, { "name", required_argument, NULL, 'n' },
		{ "mutual", no_argument, NULL, 'm' }, { "wait", no_argument, NULL, 'w' },
		{ "fresh", no_argument, NULL, 'f' }, { "new-keys", no_argument, NULL, 'k' },
		{ "small", no_argument, NULL, 's' }, { "retry", no_argument, NULL, 'y' }, { "conns", required_argument, NULL, 'C' },
		{ "requests", required_argument, NULL, 'r' }, { "up", required_argument, NULL, 'u' },
		{ "down", required_argument, NULL, 'd' }, { NULL, 0, NULL, 0 },
	};
	struct options given = { .certs = ".", .name = "localhost", .requests = 2, .up = 300,
				 .down = 1000 };
	int option;

	options = &given;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3)
		errx(2, "usage: peer server|client [options] ...");
	while ((option = getopt_long_only(argc - 1, argv + 1, "", names, NULL)) != -1) {
		switch (option) {
		case 'c': given.certs = optarg; break;
		case 'n': given.name = optarg; break;
		case 'm': given.mutual = true; break;
		case 'w': given.wait = true; break;
		case 'f': given.fresh = true; break;
		case 'k': given.new_keys = true; break;
		case 's': given.small = true; break;
		case 'y': given.retry = true; break;
		case 'C': given.conns = atoi(optarg); break;
		case 'r': given.requests = atoi(optarg); break;
		case 'u': given.up = atoi(optarg); break;
		case 'd': given.down = atoi(optarg); break;
		default: return 2;
		}
	}
	return strcmp(argv[1], "server") == 0 ? serve(argv + 1 + optind) : connect_all(argv + 1 + optind);
}
