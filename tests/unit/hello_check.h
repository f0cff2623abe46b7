/* What must hold for every message, whatever came in: results lie within it, and
 * lists that were found well-formed can be stepped through to their end. For
 * test_hello and fuzz_hello. */
#ifndef GLASSTAP_HELLO_CHECK_H
#define GLASSTAP_HELLO_CHECK_H

#include <stdbool.h>
#include <stdlib.h>

#include "tls/hello.h"
#include "tls/names.h"

static bool hello_check_inside(struct text body, struct text part)
{
	return part.len == 0 || (part.data >= body.data && part.len <= body.len &&
				 part.data + part.len <= body.data + body.len);
}

static bool hello_check_random(struct text body, const uint8_t *random)
{
	return hello_check_inside(body, (struct text){ (const char *)random, HELLO_RANDOM });
}

static bool hello_check_lists(struct text body, struct hello_client client)
{
	struct text name;
	uint16_t id;
	bool holds = true;

	while (holds && client.alpn.len)
		holds = hello_name(&client.alpn, &name) && name.len && hello_check_inside(body, name);
	while (holds && client.shares.len)
		holds = hello_share(&client.shares, &id);
	while (holds && client.ciphers.len)
		holds = hello_id(&client.ciphers, &id);
	while (holds && client.identities.len)
		holds = hello_identity(&client.identities, &name) && hello_check_inside(body, name);
	while (holds && client.binders.len)
		holds = hello_name(&client.binders, &name) && hello_check_inside(body, name);
	return holds && !hello_id(&client.ciphers, &id) && !hello_name(&client.binders, &name);
}

static bool hello_check_client(struct text body)
{
	struct hello_client client;

	if (hello_client(body, &client))
		return true;
	return hello_check_random(body, client.random) && hello_check_inside(body, client.session) &&
	       client.session.len <= 32 && hello_check_inside(body, client.ciphers) &&
	       hello_check_inside(body, client.sni) && hello_check_inside(body, client.alpn) &&
	       hello_check_inside(body, client.versions) && hello_check_inside(body, client.groups) &&
	       hello_check_inside(body, client.shares) && hello_check_inside(body, client.ticket) &&
	       hello_check_inside(body, client.identities) && hello_check_inside(body, client.binders) &&
	       hello_check_inside(body, client.renegotiated) && hello_check_lists(body, client);
}

static bool hello_check_server(struct text body)
{
	struct hello_server server;

	if (hello_server(body, &server))
		return true;
	return hello_check_random(body, server.random) && hello_check_inside(body, server.session) &&
	       server.session.len <= 32 && hello_check_inside(body, server.alpn);
}

static bool hello_check_certificates(struct text body, uint16_t version)
{
	struct hello_certificates certificates;
	struct text der;
	size_t steps = 0;

	if (hello_certificates(body, version, &certificates))
		return true;
	if (!hello_check_inside(body, certificates.context) ||
	    !hello_check_inside(body, certificates.list))
		return false;
	while (certificates.list.len)
		if (!hello_certificate_next(&certificates, &der) || !der.len ||
		    !hello_check_inside(body, der) || ++steps > body.len)
			return false;
	return !hello_certificate_next(&certificates, &der);
}

static bool hello_check_compressed(struct text body)
{
	struct hello_compressed compressed;
	char *to;

	if (hello_compressed(body, &compressed))
		return true;
	if (!hello_check_inside(body, compressed.data))
		return false;
	to = malloc(compressed.len + 1); /* exactly: the sanitizer sees what goes beyond */
	if (to && hello_decompress(&compressed, to) == 0)
		to[compressed.len] = '\0';
	free(to);
	return true;
}

static bool hello_check_rest(struct text body, uint16_t version, uint16_t cipher)
{
	struct hello_extensions extensions;
	struct hello_certificate_request request;
	struct hello_ticket ticket;
	struct text name;
	uint16_t group;
	bool requested;

	if (!hello_extensions(body, &extensions) && !hello_check_inside(body, extensions.alpn))
		return false;
	if (!hello_certificate_request(body, version, &request) &&
	    !(hello_check_inside(body, request.context) &&
	      hello_check_inside(body, request.authorities)))
		return false;
	if (!hello_ticket(body, version, &ticket) &&
	    !(hello_check_inside(body, ticket.nonce) && hello_check_inside(body, ticket.ticket)))
		return false;
	if (!hello_next_protocol(body, &name) && !hello_check_inside(body, name))
		return false;
	hello_key_update(body, &requested);
	hello_key_exchange(body, cipher, &group);
	return true;
}

/* `body` as each kind of message. */
static bool hello_check_all(struct text body, uint16_t cipher)
{
	return hello_check_client(body) && hello_check_server(body) &&
	       hello_check_certificates(body, TLS_1_2) && hello_check_certificates(body, TLS_1_3) &&
	       hello_check_compressed(body) && hello_check_rest(body, TLS_1_1, cipher) &&
	       hello_check_rest(body, TLS_1_2, cipher) && hello_check_rest(body, TLS_1_3, cipher);
}

#endif
