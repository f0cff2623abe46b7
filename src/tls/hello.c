/* The two hellos, and what the other messages share with them. RFC 5246, 8446;
 * extensions by the table of each message. */
#include "tls/hello.h"

#include <errno.h>

#include "limits.h"
#include "tls/hello_extension.h"
#include "tls/hello_read.h"

#define SCSV_RENEGOTIATION 0x00ff
#define SESSION_MAX 32

int hello_next(struct text *from, struct hello_message *message)
{
	struct window window = window_of(*from);
	size_t len;

	if (from->len < HELLO_HEAD)
		return 0;
	message->type = (uint8_t)window_number(&window, 1);
	len = window_number(&window, 3);
	if (len > MAX_HANDSHAKE)
		return -EINVAL;
	if (len > window.left)
		return 0;
	message->body = window_take(&window, len);
	message->whole = (struct text){ from->data, HELLO_HEAD + len };
	from->data += HELLO_HEAD + len;
	from->len -= HELLO_HEAD + len;
	return 1;
}

bool hello_grease(uint16_t id)
{
	return (id & 0x0f0f) == 0x0a0a && id >> 8 == (id & 0xff);
}

/* Behind what was read; where it did not fit, `list` stays, and is not empty. */
static bool step(struct text *list, const struct window *window)
{
	if (!window->bad)
		*list = (struct text){ (const char *)window->at, window->left };
	return !window->bad;
}

bool hello_name(struct text *names, struct text *name)
{
	struct window window = window_of(*names);

	*name = window_vector(&window, 1);
	return step(names, &window);
}

bool hello_id(struct text *ids, uint16_t *id)
{
	struct window window = window_of(*ids);

	*id = (uint16_t)window_number(&window, 2);
	return step(ids, &window);
}

bool hello_share(struct text *shares, uint16_t *group)
{
	struct window window = window_of(*shares);

	*group = (uint16_t)window_number(&window, 2);
	window_vector(&window, 2);
	return step(shares, &window);
}

bool hello_identity(struct text *identities, struct text *identity)
{
	struct window window = window_of(*identities);

	*identity = window_vector(&window, 2);
	window_take(&window, 4); /* its age, masked */
	return step(identities, &window);
}

static bool has_id(struct text ids, uint16_t wanted)
{
	for (uint16_t id; hello_id(&ids, &id); )
		if (id == wanted)
			return true;
	return false;
}

int extensions_read(struct window *window, const struct extension *table, void *result)
{
	uint32_t seen = 0;

	while (window->left && !window->bad) {
		uint16_t id = (uint16_t)window_number(window, 2);
		struct window data = window_of(window_vector(window, 2));

		for (size_t i = 0; table[i].read && !window->bad; i++) {
			if (table[i].id != id)
				continue;
			if (seen & 1u << i)
				return -EINVAL;
			seen |= 1u << i;
			table[i].read(&data, result);
			if (!window_done(&data))
				return -EINVAL;
			if (table[i].last && window->left)
				return -EINVAL;
		}
	}
	return window->bad ? -EINVAL : 0;
}

struct text extension_rest(struct window *data)
{
	return window_take(data, data->left);
}

/* A list of ids, with a length of so many bytes; never empty. */
static struct text read_ids(struct window *data, size_t bytes)
{
	struct text ids = window_vector(data, bytes);

	if (!ids.len || ids.len % 2)
		data->bad = true;
	return ids;
}

/* ProtocolNameList of RFC 7301. */
static struct text read_names(struct window *data)
{
	struct text names = window_vector(data, 2), left = names, name;

	if (!names.len)
		data->bad = true;
	while (left.len)
		if (!hello_name(&left, &name) || !name.len) {
			data->bad = true;
			break;
		}
	return names;
}

struct text extension_alpn(struct window *data)
{
	struct text names = read_names(data), name = { "", 0 };

	if (!data->bad && (!hello_name(&names, &name) || names.len))
		data->bad = true;
	return name;
}

uint8_t extension_fragment(struct window *data)
{
	return (uint8_t)window_number(data, 1);
}

static void client_sni(struct window *data, void *result)
{
	struct hello_client *client = result;
	struct window list = window_of(window_vector(data, 2));

	while (list.left && !list.bad) {
		uint32_t type = window_number(&list, 1);
		struct text name = window_vector(&list, 2);

		if (type == 0 && client->sni.len)
			list.bad = true;
		else if (type == 0)
			client->sni = name;
	}
	if (list.bad)
		data->bad = true;
}

static void client_fragment(struct window *data, void *result)
{
	((struct hello_client *)result)->max_fragment = extension_fragment(data);
}

static void client_groups(struct window *data, void *result)
{
	((struct hello_client *)result)->groups = read_ids(data, 2);
}

static void client_alpn(struct window *data, void *result)
{
	((struct hello_client *)result)->alpn = read_names(data);
}

static void client_encrypt_then_mac(struct window *data, void *result)
{
	(void)data;
	((struct hello_client *)result)->encrypt_then_mac = true;
}

static void client_extended_master_secret(struct window *data, void *result)
{
	(void)data;
	((struct hello_client *)result)->extended_master_secret = true;
}

static void client_size_limit(struct window *data, void *result)
{
	((struct hello_client *)result)->record_size_limit = (uint16_t)window_number(data, 2);
}

static void client_ticket(struct window *data, void *result)
{
	struct hello_client *client = result;

	client->has_ticket = true;
	client->ticket = extension_rest(data);
}

static void client_psk(struct window *data, void *result)
{
	struct hello_client *client = result;
	struct text left, item;

	client->psk = true;
	client->identities = left = window_vector(data, 2);
	while (left.len && hello_identity(&left, &item))
		;
	data->bad |= left.len || !client->identities.len;
	client->binders = left = window_vector(data, 2);
	while (left.len && hello_name(&left, &item))
		;
	data->bad |= left.len || !client->binders.len;
}

static void client_early_data(struct window *data, void *result)
{
	(void)data;
	((struct hello_client *)result)->early_data = true;
}

static void client_versions(struct window *data, void *result)
{
	((struct hello_client *)result)->versions = read_ids(data, 1);
}

static void client_post_handshake_auth(struct window *data, void *result)
{
	(void)data;
	((struct hello_client *)result)->post_handshake_auth = true;
}

static void client_shares(struct window *data, void *result)
{
	struct hello_client *client = result;
	struct text left = client->shares = window_vector(data, 2);
	uint16_t group;

	/* It may be empty: the server is to choose the group first. */
	while (left.len && hello_share(&left, &group))
		;
	data->bad |= left.len > 0;
}

static void client_next_protocol(struct window *data, void *result)
{
	(void)data;
	((struct hello_client *)result)->next_protocol = true;
}

static void client_ech(struct window *data, void *result)
{
	((struct hello_client *)result)->ech = window_number(data, 1) == 0;
	extension_rest(data);
}

static void client_renegotiation(struct window *data, void *result)
{
	struct hello_client *client = result;

	client->renegotiation = true;
	client->renegotiated = window_vector(data, 1);
}

static const struct extension client_extensions[] = {
	{ EXTENSION_SNI, client_sni, false },
	{ EXTENSION_FRAGMENT, client_fragment, false },
	{ EXTENSION_GROUPS, client_groups, false },
	{ EXTENSION_ALPN, client_alpn, false },
	{ EXTENSION_ENCRYPT_THEN_MAC, client_encrypt_then_mac, false },
	{ EXTENSION_EXTENDED_MASTER_SECRET, client_extended_master_secret, false },
	{ EXTENSION_SIZE_LIMIT, client_size_limit, false },
	{ EXTENSION_TICKET, client_ticket, false },
	{ EXTENSION_PSK, client_psk, true }, /* RFC 8446, 4.2.11: must be the last */
	{ EXTENSION_EARLY_DATA, client_early_data, false },
	{ EXTENSION_VERSIONS, client_versions, false },
	{ EXTENSION_POST_HANDSHAKE_AUTH, client_post_handshake_auth, false },
	{ EXTENSION_SHARES, client_shares, false },
	{ EXTENSION_NEXT_PROTOCOL, client_next_protocol, false },
	{ EXTENSION_ECH, client_ech, false },
	{ EXTENSION_RENEGOTIATION, client_renegotiation, false },
	{ 0 }
};

/* With the extension it alone counts (RFC 8446, 4.2.1). */
static uint16_t highest_version(const struct hello_client *client)
{
	struct text versions = client->versions;
	uint16_t highest = 0;

	if (!versions.len)
		return client->legacy_version;
	for (uint16_t version; hello_id(&versions, &version); )
		if (version >= TLS_1_0 && version <= TLS_1_3 && version > highest)
			highest = version;
	return highest;
}

int hello_client(struct text body, struct hello_client *client)
{
	struct window window = window_of(body);
	int error;

	*client = (struct hello_client){};
	client->legacy_version = (uint16_t)window_number(&window, 2);
	client->random = (const uint8_t *)window_take(&window, HELLO_RANDOM).data;
	client->session = window_vector(&window, 1);
	client->ciphers = read_ids(&window, 2);
	if (!window_vector(&window, 1).len) /* of compressions one is a must */
		window.bad = true;
	if (window.bad || client->session.len > SESSION_MAX)
		return -EINVAL;
	if (window.left) {
		struct window extensions = window_of(window_vector(&window, 2));

		if (!window_done(&window))
			return -EINVAL;
		error = extensions_read(&extensions, client_extensions, client);
		if (error)
			return error;
	}
	client->version = highest_version(client);
	client->renegotiation |= has_id(client->ciphers, SCSV_RENEGOTIATION);
	return 0;
}

static void server_fragment(struct window *data, void *result)
{
	((struct hello_server *)result)->max_fragment = extension_fragment(data);
}

static void server_alpn(struct window *data, void *result)
{
	((struct hello_server *)result)->alpn = extension_alpn(data);
}

static void server_encrypt_then_mac(struct window *data, void *result)
{
	(void)data;
	((struct hello_server *)result)->encrypt_then_mac = true;
}

static void server_extended_master_secret(struct window *data, void *result)
{
	(void)data;
	((struct hello_server *)result)->extended_master_secret = true;
}

static void server_size_limit(struct window *data, void *result)
{
	((struct hello_server *)result)->record_size_limit = (uint16_t)window_number(data, 2);
}

static void server_ticket(struct window *data, void *result)
{
	(void)data;
	((struct hello_server *)result)->has_ticket = true;
}

static void server_psk(struct window *data, void *result)
{
	struct hello_server *server = result;

	server->psk = true;
	server->selected = (uint16_t)window_number(data, 2);
}

static void server_versions(struct window *data, void *result)
{
	((struct hello_server *)result)->version = (uint16_t)window_number(data, 2);
}

/* A retry names the group alone. */
static void server_share(struct window *data, void *result)
{
	struct hello_server *server = result;

	server->group = (uint16_t)window_number(data, 2);
	if (!server->retry)
		window_vector(data, 2);
}

static void server_next_protocol(struct window *data, void *result)
{
	((struct hello_server *)result)->next_protocol = true;
	extension_rest(data);
}

static void server_renegotiation(struct window *data, void *result)
{
	((struct hello_server *)result)->renegotiation = true;
	window_vector(data, 1);
}

static const struct extension server_extensions[] = {
	{ EXTENSION_FRAGMENT, server_fragment, false },
	{ EXTENSION_ALPN, server_alpn, false },
	{ EXTENSION_ENCRYPT_THEN_MAC, server_encrypt_then_mac, false },
	{ EXTENSION_EXTENDED_MASTER_SECRET, server_extended_master_secret, false },
	{ EXTENSION_SIZE_LIMIT, server_size_limit, false },
	{ EXTENSION_TICKET, server_ticket, false },
	{ EXTENSION_PSK, server_psk, false },
	{ EXTENSION_VERSIONS, server_versions, false },
	{ EXTENSION_SHARES, server_share, false },
	{ EXTENSION_NEXT_PROTOCOL, server_next_protocol, false },
	{ EXTENSION_RENEGOTIATION, server_renegotiation, false },
	{ 0 }
};

/* SHA-256 of "HelloRetryRequest": RFC 8446, 4.1.3. */
static const uint8_t retry_random[HELLO_RANDOM] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c
};

int hello_server(struct text body, struct hello_server *server)
{
	struct window window = window_of(body);
	int error;

	*server = (struct hello_server){};
	server->version = server->legacy_version = (uint16_t)window_number(&window, 2);
	server->random = (const uint8_t *)window_take(&window, HELLO_RANDOM).data;
	server->session = window_vector(&window, 1);
	server->cipher = (uint16_t)window_number(&window, 2);
	window_number(&window, 1); /* compression */
	if (window.bad || server->session.len > SESSION_MAX)
		return -EINVAL;
	server->retry = memcmp(server->random, retry_random, HELLO_RANDOM) == 0;
	if (window.left) {
		struct window extensions = window_of(window_vector(&window, 2));

		if (!window_done(&window))
			return -EINVAL;
		error = extensions_read(&extensions, server_extensions, server);
		if (error)
			return error;
	}
	return 0;
}

int hello_resumed(const struct hello_client *client, const struct hello_server *server)
{
	if (server->version >= TLS_1_3)
		return server->psk;
	if (client->session.len)
		return text_equal(client->session, server->session);
	return client->ticket.len ? -1 : 0;
}
