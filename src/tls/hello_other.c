/* Every handshake message but the hellos. */
#include <errno.h>
#include <zlib.h>

#include "limits.h"
#include "tls/hello.h"
#include "tls/hello_extension.h"
#include "tls/hello_read.h"
#include "tls/names.h"

static int finish(const struct window *window)
{
	return window_done(window) ? 0 : -EINVAL;
}

/* The last part of many messages of TLS 1.3. */
static int finish_extensions(struct window *window, const struct extension *table, void *result)
{
	struct window extensions = window_of(window_vector(window, 2));

	if (!window_done(window))
		return -EINVAL;
	return extensions_read(&extensions, table, result);
}

static void read_alpn(struct window *data, void *result)
{
	((struct hello_extensions *)result)->alpn = extension_alpn(data);
}

static void read_early_data(struct window *data, void *result)
{
	(void)data;
	((struct hello_extensions *)result)->early_data = true;
}

static void read_size_limit(struct window *data, void *result)
{
	((struct hello_extensions *)result)->record_size_limit = (uint16_t)window_number(data, 2);
}

static void read_fragment(struct window *data, void *result)
{
	((struct hello_extensions *)result)->max_fragment = extension_fragment(data);
}

static void read_ech(struct window *data, void *result)
{
	((struct hello_extensions *)result)->ech_refused = true;
	extension_rest(data);
}

int hello_extensions(struct text body, struct hello_extensions *extensions)
{
	static const struct extension table[] = {
		{ EXTENSION_FRAGMENT, read_fragment, false },
		{ EXTENSION_ALPN, read_alpn, false },
		{ EXTENSION_SIZE_LIMIT, read_size_limit, false },
		{ EXTENSION_EARLY_DATA, read_early_data, false },
		{ EXTENSION_ECH, read_ech, false },
		{ 0 }
	};
	struct window window = window_of(body);

	*extensions = (struct hello_extensions){};
	return finish_extensions(&window, table, extensions);
}

static struct text read_certificate(struct window *list, bool tls13)
{
	struct text der = window_vector(list, 3);

	if (tls13)
		window_vector(list, 2); /* its extensions */
	return der;
}

int hello_certificates(struct text body, uint16_t version, struct hello_certificates *certificates)
{
	struct window window = window_of(body), list;

	*certificates = (struct hello_certificates){ .tls13 = version >= TLS_1_3 };
	if (certificates->tls13)
		certificates->context = window_vector(&window, 1);
	certificates->list = window_vector(&window, 3);
	list = window_of(certificates->list);
	while (list.left && !list.bad)
		if (!read_certificate(&list, certificates->tls13).len)
			return -EINVAL;
	return list.bad ? -EINVAL : finish(&window);
}

bool hello_certificate_next(struct hello_certificates *certificates, struct text *der)
{
	struct window list = window_of(certificates->list);

	*der = read_certificate(&list, certificates->tls13);
	if (!list.bad)
		certificates->list = (struct text){ (const char *)list.at, list.left };
	return !list.bad;
}

int hello_compressed(struct text body, struct hello_compressed *compressed)
{
	struct window window = window_of(body);

	*compressed = (struct hello_compressed){};
	compressed->algorithm = (uint16_t)window_number(&window, 2);
	compressed->len = window_number(&window, 3);
	compressed->data = window_vector(&window, 3);
	if (!compressed->data.len || compressed->len > MAX_HANDSHAKE)
		return -EINVAL;
	return finish(&window);
}

static const char *const compressions[] = { NULL, "zlib", "brotli", "zstd" };

const char *hello_compression(uint16_t algorithm)
{
	return algorithm < sizeof(compressions) / sizeof(*compressions) ?
	       compressions[algorithm] : NULL;
}

int hello_decompress(const struct hello_compressed *compressed, char *to)
{
	uLongf len = compressed->len;
	int result;

	if (compressed->algorithm != 1)
		return -EOPNOTSUPP;
	result = uncompress((Bytef *)to, &len, (const Bytef *)compressed->data.data,
			    compressed->data.len);
	if (result == Z_MEM_ERROR)
		return -ENOMEM;
	return result == Z_OK && len == compressed->len ? 0 : -EINVAL;
}

static bool authorities_hold(struct text authorities)
{
	struct window list = window_of(authorities);

	while (list.left && !list.bad)
		if (!window_vector(&list, 2).len)
			return false;
	return !list.bad;
}

static void read_authorities(struct window *data, void *result)
{
	struct hello_certificate_request *request = result;

	request->authorities = window_vector(data, 2);
	data->bad |= !authorities_hold(request->authorities);
}

int hello_certificate_request(struct text body, uint16_t version,
			      struct hello_certificate_request *request)
{
	static const struct extension table[] = {
		{ EXTENSION_AUTHORITIES, read_authorities, false },
		{ 0 }
	};
	struct window window = window_of(body);

	*request = (struct hello_certificate_request){};
	if (version >= TLS_1_3) {
		request->context = window_vector(&window, 1);
		return finish_extensions(&window, table, request);
	}
	window_vector(&window, 1); /* kinds of certificates */
	if (version == TLS_1_2)
		window_vector(&window, 2); /* kinds of signatures */
	read_authorities(&window, request);
	return finish(&window);
}

static void read_max_early_data(struct window *data, void *result)
{
	struct hello_ticket *ticket = result;

	ticket->early_data = true;
	ticket->max_early_data = window_number(data, 4);
}

int hello_ticket(struct text body, uint16_t version, struct hello_ticket *ticket)
{
	static const struct extension table[] = {
		{ EXTENSION_EARLY_DATA, read_max_early_data, false },
		{ 0 }
	};
	struct window window = window_of(body);

	*ticket = (struct hello_ticket){};
	ticket->lifetime = window_number(&window, 4);
	if (version < TLS_1_3) {
		ticket->ticket = window_vector(&window, 2); /* empty: there is none after all */
		return finish(&window);
	}
	ticket->age_add = window_number(&window, 4);
	ticket->nonce = window_vector(&window, 1);
	ticket->ticket = window_vector(&window, 2);
	if (!ticket->ticket.len)
		return -EINVAL;
	return finish_extensions(&window, table, ticket);
}

int hello_key_update(struct text body, bool *requested)
{
	struct window window = window_of(body);
	uint32_t value = window_number(&window, 1);

	*requested = value == 1;
	return value > 1 ? -EINVAL : finish(&window);
}

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* RFC 8422, 5.4: a curve by its name, the only kind that is left. What comes
 * behind, the signature, has a form for each version. */
int hello_key_exchange(struct text body, uint16_t cipher, uint16_t *group)
{
	struct window window = window_of(body);
	const char *name = names_cipher(cipher);
	uint16_t id;

	*group = 0;
	if (!name || !(begins(name, "TLS_ECDHE_") || begins(name, "TLS_ECDH_anon_")))
		return 0;
	if (begins(name, "TLS_ECDHE_PSK_"))
		window_vector(&window, 2); /* which key is meant */
	if (window_number(&window, 1) != 3)
		return window.bad ? -EINVAL : 0;
	id = (uint16_t)window_number(&window, 2);
	if (!window_vector(&window, 1).len || window.bad)
		return -EINVAL;
	*group = id;
	return 0;
}

int hello_next_protocol(struct text body, struct text *name)
{
	struct window window = window_of(body);

	*name = window_vector(&window, 1);
	window_vector(&window, 1); /* padding */
	return finish(&window);
}
