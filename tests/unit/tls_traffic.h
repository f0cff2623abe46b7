/* Real TLS traffic, made in this process by libssl: what a wiretap sees of two ends,
 * the keys that they log, and what they said to each other. */
#ifndef GLASSTAP_TLS_TRAFFIC_H
#define GLASSTAP_TLS_TRAFFIC_H

/* Not everybody uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

#ifndef INT_MAX
#define INT_MAX __INT_MAX__    /* libcrypto includes <limits.h>, and finds ours */
#endif
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/buf.h"
#include "test.h"

#define CLIENT 0               /* who sends, as an index */
#define SERVER 1
#define TRAFFIC_STEPS 4096

struct secret_line {
	char label[40];
	uint8_t random[32], secret[64];
	size_t len;
};

/* One thing that happened: bytes on the wire, or a secret was made. */
struct step {
	int from;                  /* CLIENT, SERVER; -1: a secret */
	uint8_t *data;
	size_t len;
	struct secret_line line;
};

struct traffic {
	struct step steps[TRAFFIC_STEPS];
	size_t count;
	struct buf sent[2];        /* plaintext */
	SSL_SESSION *session;      /* to resume */
	char version[16], cipher[64];
	bool done;                 /* the handshake */
	bool resumed, early;
};

struct setup {
	int version;               /* TLS1_3_VERSION... */
	const char *ciphers;       /* up to TLS 1.2 */
	const char *suites;        /* TLS 1.3 */
	const char *client_groups, *server_groups; /* different: a hello retry */
	SSL_SESSION *resume;
	bool no_tickets, no_etm, no_ems, stateless;
	bool client_cert;
	bool early;                /* send early data */
	bool refuse_early;
	size_t padding;            /* of TLS 1.3 records, to a multiple */
	int updates;               /* key updates between messages */
	bool renegotiate;
	bool post_auth;            /* a client certificate is asked for later on */
	size_t fragment;           /* most of a record */
	int messages;              /* each way; 0: 6 */
	size_t message;            /* its length; 0: varied */
	bool bad_ca;               /* the client trusts nobody: it refuses */
	SSL_CTX *server;           /* to share, for resumption; else a new one */
};

static int traffic_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

static X509 *make_cert(EVP_PKEY *key, const char *name)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_EXTENSION *san;
	char names[128];

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(cert, subject);
	X509_set_pubkey(cert, key);
	snprintf(names, sizeof(names), "DNS:%s", name);
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
	X509_sign(cert, key, EVP_sha256());
	return cert;
}

static void use_key(SSL_CTX *context, EVP_PKEY *key, const char *name)
{
	X509 *cert = make_cert(key, name);

	SSL_CTX_use_certificate(context, cert);
	SSL_CTX_use_PrivateKey(context, key);
	X509_free(cert);
}

static EVP_PKEY *ec_key(void)
{
	static EVP_PKEY *key;

	return key ? key : (key = EVP_EC_gen("P-256"));
}

static EVP_PKEY *rsa_key(void)
{
	static EVP_PKEY *key;

	return key ? key : (key = EVP_RSA_gen(2048));
}

static struct step *add_step(struct traffic *traffic, int from)
{
	struct step *step;

	if (traffic->count == TRAFFIC_STEPS)
		abort();
	step = &traffic->steps[traffic->count++];
	memset(step, 0, sizeof(*step));
	step->from = from;
	return step;
}

static size_t from_hex(const char *hex, size_t len, uint8_t *to)
{
	for (size_t i = 0; i < len / 2; i++) {
		unsigned value;

		sscanf(hex + 2 * i, "%2x", &value);
		to[i] = (uint8_t)value;
	}
	return len / 2;
}

static void on_key_line(const SSL *ssl, const char *line)
{
	struct traffic *traffic = SSL_get_ex_data(ssl, traffic_index());
	struct step *step;
	size_t label = strcspn(line, " ");

	if (!traffic)
		return;
	step = add_step(traffic, -1);
	memcpy(step->line.label, line, label);
	from_hex(line + label + 1, 64, step->line.random);
	line += label + 1 + 64 + 1;
	step->line.len = from_hex(line, strlen(line), step->line.secret);
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct traffic *traffic = SSL_get_ex_data(ssl, traffic_index());

	if (!traffic)
		return 0;
	SSL_SESSION_free(traffic->session);
	traffic->session = session;
	return 1;
}

static int on_alpn(SSL *ssl, const uint8_t **out, uint8_t *out_len, const uint8_t *in,
		   unsigned in_len, void *context)
{
	(void)ssl, (void)context, (void)in_len;
	*out = in + 1;
	*out_len = in[0];
	return SSL_TLSEXT_ERR_OK;
}

static int accept_early(SSL *ssl, void *context)
{
	(void)ssl, (void)context;
	return 1;
}

static int refuse_early(SSL *ssl, void *context)
{
	(void)ssl, (void)context;
	return 0;
}

static int trust(int ok, X509_STORE_CTX *store)
{
	(void)ok, (void)store;
	return 1;
}

static SSL_CTX *new_context(const struct setup *setup, bool server)
{
	SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	char ciphers[256];

	snprintf(ciphers, sizeof(ciphers), "%s:@SECLEVEL=0",
		 setup->ciphers ? setup->ciphers : "ALL");
	SSL_CTX_set_cipher_list(context, ciphers);
	if (setup->suites)
		SSL_CTX_set_ciphersuites(context, setup->suites);
	SSL_CTX_set_min_proto_version(context, setup->version);
	SSL_CTX_set_max_proto_version(context, setup->version);
	SSL_CTX_set_options(context, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	if (setup->no_tickets)
		SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	if (setup->no_etm)
		SSL_CTX_set_options(context, SSL_OP_NO_ENCRYPT_THEN_MAC);
	if (setup->no_ems)
		SSL_CTX_set_options(context, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (setup->padding)
		SSL_CTX_set_block_padding(context, setup->padding);
	if (setup->fragment)
		SSL_CTX_set_max_send_fragment(context, setup->fragment);
	if (server && setup->server_groups)
		SSL_CTX_set1_groups_list(context, setup->server_groups);
	if (!server && setup->client_groups)
		SSL_CTX_set1_groups_list(context, setup->client_groups);
	if (!server) {
		static const uint8_t alpn[] = "\x08http/1.1";

		SSL_CTX_set_alpn_protos(context, alpn, sizeof(alpn) - 1);
		SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT |
							SSL_SESS_CACHE_NO_INTERNAL_STORE);
		SSL_CTX_sess_set_new_cb(context, on_session);
		SSL_CTX_set_keylog_callback(context, on_key_line);
		SSL_CTX_set_post_handshake_auth(context, setup->post_auth);
		if (setup->client_cert || setup->post_auth)
			use_key(context, ec_key(), "client.test");
		if (setup->bad_ca)
			SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
		return context;
	}
	use_key(context, ec_key(), "server.test");
	use_key(context, rsa_key(), "server.test");
	SSL_CTX_set_dh_auto(context, 1);
	SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
	SSL_CTX_set_session_id_context(context, (const uint8_t *)"t", 1);
	SSL_CTX_set_max_early_data(context, 1 << 20);
	SSL_CTX_set_recv_max_early_data(context, 1 << 20);
	SSL_CTX_set_options(context, SSL_OP_NO_ANTI_REPLAY);
	SSL_CTX_set_allow_early_data_cb(context, setup->refuse_early ? refuse_early : accept_early,
					NULL);
	if (setup->client_cert || setup->post_auth)
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT |
				   (setup->post_auth ? SSL_VERIFY_POST_HANDSHAKE : 0), trust);
	return context;
}

struct ends {
	struct traffic *traffic;
	SSL *ssl[2];
	uint64_t random;
};

/* What one end has written goes onto the wire, and to the other. */
static void carry(struct ends *ends)
{
	for (int from = 0; from < 2; from++) {
		BIO *out = SSL_get_wbio(ends->ssl[from]);
		size_t len = BIO_ctrl_pending(out);
		struct step *step;

		if (!len)
			continue;
		step = add_step(ends->traffic, from);
		step->data = malloc(len);
		step->len = len;
		BIO_read(out, step->data, (int)len);
		BIO_write(SSL_get_rbio(ends->ssl[!from]), step->data, (int)len);
	}
}

static void take(struct ends *ends, int who)
{
	char data[20000];

	while (SSL_read(ends->ssl[who], data, sizeof(data)) > 0)
		;
}

static void say(struct ends *ends, int who, size_t len)
{
	char *data = calloc(1, len);

	for (size_t i = 0; i < len; i++)
		data[i] = (char)test_random(&ends->random);
	if (SSL_write(ends->ssl[who], data, (int)len) == (int)len)
		buf_add(&ends->traffic->sent[who], data, len);
	free(data);
	carry(ends);
	take(ends, !who);
	carry(ends);
}

static bool shake_hands(struct ends *ends)
{
	for (int i = 0; i < 20; i++) {
		int client = SSL_do_handshake(ends->ssl[CLIENT]), server;

		carry(ends);
		server = SSL_do_handshake(ends->ssl[SERVER]);
		carry(ends);
		if (client == 1 && server == 1)
			return true;
		if ((client != 1 && SSL_get_error(ends->ssl[CLIENT], client) == SSL_ERROR_SSL) ||
		    (server != 1 && SSL_get_error(ends->ssl[SERVER], server) == SSL_ERROR_SSL))
			return false;
	}
	return false;
}

static void send_early(struct ends *ends)
{
	char data[] = "this came early; ", got[256];
	size_t len;

	for (int i = 0; i < 2; i++)
		if (SSL_write_early_data(ends->ssl[CLIENT], data, sizeof(data) - 1, &len) == 1)
			buf_add(&ends->traffic->sent[CLIENT], data, len);
	carry(ends);
	while (SSL_read_early_data(ends->ssl[SERVER], got, sizeof(got), &len) ==
	       SSL_READ_EARLY_DATA_SUCCESS)
		carry(ends);
	carry(ends);
}

static void talk(struct ends *ends, const struct setup *setup)
{
	static const size_t lens[] = { 1, 100, 5000, 16384, 16385, 40000, 17 };
	int messages = setup->messages ? setup->messages : 6;

	for (int i = 0; i < messages; i++) {
		say(ends, CLIENT, setup->message ? setup->message : lens[i % 7]);
		if (i < setup->updates)
			SSL_key_update(ends->ssl[i % 2], SSL_KEY_UPDATE_REQUESTED);
		say(ends, SERVER, setup->message ? setup->message : lens[(i + 3) % 7]);
		if (setup->post_auth && i == 1) {
			SSL_verify_client_post_handshake(ends->ssl[SERVER]);
			shake_hands(ends);
			take(ends, CLIENT);
			carry(ends);
			take(ends, SERVER);
		}
		if (setup->renegotiate && i == 2) {
			SSL_renegotiate(ends->ssl[CLIENT]);
			shake_hands(ends);
		}
	}
}

static SSL *new_end(struct traffic *traffic, SSL_CTX *context, bool server)
{
	SSL *ssl = SSL_new(context);

	SSL_set_ex_data(ssl, traffic_index(), server ? NULL : traffic);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

static void note_result(struct traffic *traffic, SSL *client)
{
	snprintf(traffic->version, sizeof(traffic->version), "%s", SSL_get_version(client));
	snprintf(traffic->cipher, sizeof(traffic->cipher), "%s",
		 SSL_CIPHER_standard_name(SSL_get_current_cipher(client)));
	traffic->resumed = SSL_session_reused(client);
	traffic->early = SSL_get_early_data_status(client) == SSL_EARLY_DATA_ACCEPTED;
}

/* Two ends with this setup talk. */
static struct traffic *traffic_new(const struct setup *setup)
{
	struct traffic *traffic = calloc(1, sizeof(*traffic));
	SSL_CTX *client = new_context(setup, false);
	SSL_CTX *server = setup->server ? setup->server : new_context(setup, true);
	struct ends ends = { .traffic = traffic, .random = 1 };

	ends.ssl[CLIENT] = new_end(traffic, client, false);
	ends.ssl[SERVER] = new_end(traffic, server, true);
	SSL_set_tlsext_host_name(ends.ssl[CLIENT], "server.test");
	if (setup->resume)
		SSL_set_session(ends.ssl[CLIENT], setup->resume);
	if (setup->early)
		send_early(&ends);
	traffic->done = shake_hands(&ends);
	if (traffic->done) {
		if (setup->refuse_early)
			traffic->sent[CLIENT].len = 0; /* the server threw it away */
		talk(&ends, setup);
		note_result(traffic, ends.ssl[CLIENT]);
		SSL_shutdown(ends.ssl[CLIENT]);
		carry(&ends);
		SSL_shutdown(ends.ssl[SERVER]);
		carry(&ends);
	}
	for (int i = 0; i < 2; i++)
		SSL_free(ends.ssl[i]);
	SSL_CTX_free(client);
	if (!setup->server)
		SSL_CTX_free(server);
	ERR_clear_error();
	return traffic;
}

static void traffic_free(struct traffic *traffic)
{
	if (!traffic)
		return;
	for (size_t i = 0; i < traffic->count; i++)
		free(traffic->steps[i].data);
	for (int i = 0; i < 2; i++)
		buf_free(&traffic->sent[i]);
	SSL_SESSION_free(traffic->session);
	free(traffic);
}

#endif
