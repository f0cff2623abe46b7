/* Handshake messages of TLS 1.0 to 1.3: pure functions over bytes that somebody
 * else holds. Nothing is copied or allocated; every slice in a result points into
 * the message that it was read from.
 *
 * All of them return 0, or -EINVAL for a message that is not well-formed: a length
 * that does not fit, bytes left over, an extension that comes twice. What they do
 * not know (extensions, values of GREASE, RFC 8701) is skipped. A result is all
 * zeros where the message says nothing. */
#ifndef GLASSTAP_TLS_HELLO_H
#define GLASSTAP_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define HELLO_RANDOM 32
#define HELLO_HEAD 4           /* type and length, before every message */

enum hello_type {
	HELLO_REQUEST = 0, HELLO_CLIENT = 1, HELLO_SERVER = 2, HELLO_TICKET = 4,
	HELLO_END_OF_EARLY_DATA = 5, HELLO_EXTENSIONS = 8, HELLO_CERTIFICATE = 11,
	HELLO_KEY_EXCHANGE = 12, HELLO_CERTIFICATE_REQUEST = 13, HELLO_DONE = 14,
	HELLO_CERTIFICATE_VERIFY = 15, HELLO_CLIENT_KEY_EXCHANGE = 16, HELLO_FINISHED = 20,
	HELLO_CERTIFICATE_STATUS = 22, HELLO_KEY_UPDATE = 24, HELLO_COMPRESSED = 25,
	HELLO_NEXT_PROTOCOL = 67
};

enum hello_version { TLS_1_0 = 0x0301, TLS_1_1 = 0x0302, TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

struct hello_message {
	uint8_t type;              /* enum hello_type, or any other */
	struct text body;          /* without the head */
	struct text whole;         /* with it, as the transcript hashes it */
};

/* Takes one message off the front of `from`. 1: done; 0: the message is not whole
 * yet; -EINVAL: it is longer than MAX_HANDSHAKE, so these are no messages. */
int hello_next(struct text *from, struct hello_message *message);

struct hello_client {
	uint16_t legacy_version;
	uint16_t version;          /* the highest that it offers, and that we know */
	const uint8_t *random;     /* HELLO_RANDOM bytes */
	struct text session;       /* id */
	struct text ciphers;       /* two bytes each */
	struct text sni;           /* with ECH only the outer name */
	struct text alpn;          /* for hello_name */
	struct text versions;      /* two bytes each */
	struct text groups;        /* two bytes each */
	struct text shares;        /* for hello_share */
	struct text identities, binders; /* of pre_shared_key: for hello_identity, hello_name */
	struct text ticket;        /* of TLS 1.2; len 0 with has_ticket: it can take one */
	bool has_ticket, psk, early_data, encrypt_then_mac, extended_master_secret;
	bool renegotiation;        /* the extension, or TLS_EMPTY_RENEGOTIATION_INFO_SCSV */
	struct text renegotiated;  /* verify data: not empty in a renegotiation only */
	bool ech;                  /* encrypted_client_hello of the outer kind: the name and all
	                            * else here may not be what is really meant */
	bool post_handshake_auth, next_protocol;
	uint16_t record_size_limit; /* 0 none */
	uint8_t max_fragment;      /* code of RFC 6066: 1 is 512 bytes, 4 is 4096; 0 none */
};
int hello_client(struct text body, struct hello_client *client);

struct hello_server {
	uint16_t legacy_version;
	uint16_t version;          /* that was chosen */
	const uint8_t *random;     /* HELLO_RANDOM bytes */
	bool retry;                /* HelloRetryRequest: another client hello follows */
	struct text session;
	uint16_t cipher;
	struct text alpn;          /* the one that was chosen; in TLS 1.3 see hello_extensions */
	bool has_ticket, encrypt_then_mac, extended_master_secret, renegotiation, next_protocol;
	bool psk;
	uint16_t selected;         /* of the client's identities, if psk */
	uint16_t group;            /* of the key share; 0 none */
	uint16_t record_size_limit;
	uint8_t max_fragment;
};
int hello_server(struct text body, struct hello_server *server);

/* 1, 0, or -1: not to be told from the hellos, as a ticket was offered without a
 * session id (RFC 5077, 3.4): then it is if ChangeCipherSpec follows (perhaps
 * behind a new ticket) and no certificate does. */
int hello_resumed(const struct hello_client *client, const struct hello_server *server);

struct hello_extensions {          /* EncryptedExtensions */
	struct text alpn;
	bool early_data;           /* accepted */
	bool ech_refused;          /* it sends keys to try again with, so client->ech was not
	                            * understood, or not meant (GREASE) */
	uint16_t record_size_limit;
	uint8_t max_fragment;
};
int hello_extensions(struct text body, struct hello_extensions *extensions);

/* Each certificate's DER, by hello_certificate_next. */
struct hello_certificates {
	struct text context;       /* TLS 1.3 */
	struct text list;
	bool tls13;
};
int hello_certificates(struct text body, uint16_t version, struct hello_certificates *certificates);
bool hello_certificate_next(struct hello_certificates *certificates, struct text *der);

struct hello_compressed {          /* CompressedCertificate, RFC 8879 */
	uint16_t algorithm;        /* 1 zlib, 2 brotli, 3 zstd */
	size_t len;                /* of the certificate message inside, up to MAX_HANDSHAKE */
	struct text data;
};
int hello_compressed(struct text body, struct hello_compressed *compressed);
/* Exactly compressed->len bytes into `to`, which are the body of a certificate
 * message. -EOPNOTSUPP: an algorithm that we have not; -EINVAL; -ENOMEM. */
int hello_decompress(const struct hello_compressed *compressed, char *to);
const char *hello_compression(uint16_t algorithm); /* "zlib"; NULL unknown */

struct hello_certificate_request {
	struct text context;       /* TLS 1.3 */
	struct text authorities;   /* DER names, two bytes of length before each */
};
int hello_certificate_request(struct text body, uint16_t version,
			      struct hello_certificate_request *request);

struct hello_ticket {              /* NewSessionTicket */
	uint32_t lifetime;         /* seconds */
	uint32_t age_add;          /* from here on TLS 1.3 */
	struct text nonce, ticket;
	bool early_data;
	uint32_t max_early_data;
};
int hello_ticket(struct text body, uint16_t version, struct hello_ticket *ticket);

/* Whether the other side is asked to update too. */
int hello_key_update(struct text body, bool *requested);

/* The named group of an ECDHE exchange of TLS 1.2; 0: there is none in it. */
int hello_key_exchange(struct text body, uint16_t cipher, uint16_t *group);

int hello_next_protocol(struct text body, struct text *name); /* NPN, without its padding */

/* Steps through lists that were found well-formed; false at the end. */
bool hello_name(struct text *names, struct text *name);       /* one byte of length each */
bool hello_id(struct text *ids, uint16_t *id);                 /* two bytes each */
bool hello_share(struct text *shares, uint16_t *group);
bool hello_identity(struct text *identities, struct text *identity);

bool hello_grease(uint16_t id);

#endif
