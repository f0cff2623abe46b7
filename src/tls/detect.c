#include "tls/detect.h"

#include <sys/socket.h>

#include "tls/hello.h"
#include "tls/record.h"

#define PROXY_LINE_MAX 107
#define DTLS_HEAD 13
#define LOOK_BYTES (256u << 10) /* so far it is looked for a connection under way */

static const uint8_t *bytes_of(struct text text)
{
	return (const uint8_t *)text.data;
}

/* Record head, message head and version of a hello, or of one only the beginning. */
static bool is_hello(struct text text, uint8_t type)
{
	const uint8_t *at = bytes_of(text);
	size_t len = text.len;

	return (len < 1 || at[0] == RECORD_HANDSHAKE) && (len < 2 || at[1] == 3) &&
	       (len < 3 || at[2] <= 4) && (len < 4 || at[3] <= RECORD_MAX >> 8) &&
	       (len < 6 || at[5] == type) && (len < 7 || at[6] == 0) &&
	       (len < 10 || at[9] == 3) && (len < 11 || at[10] <= 4);
}

static size_t record_len(const uint8_t *at)
{
	return RECORD_HEAD + (size_t)(at[3] << 8 | at[4]);
}

static bool is_data(const uint8_t *at)
{
	return at[0] == RECORD_DATA && at[1] == 3 && at[2] >= 1 && at[2] <= 3 &&
	       record_len(at) >= RECORD_HEAD + 16 && record_len(at) <= RECORD_HEAD + RECORD_MAX;
}

/* A head alone would be found by chance in any stream now and then. So: one and no
 * more (as libssl reads), one of a record that ends with the bytes or has another
 * behind it, or one of a record that is as long as can be: 16384 bytes and what each
 * mode adds. */
static bool is_data_record(const uint8_t *at, size_t len)
{
	size_t whole;

	if (len < RECORD_HEAD || !is_data(at))
		return false;
	whole = record_len(at);
	if (whole == len || (whole + RECORD_HEAD <= len && is_data(at + whole)))
		return true;
	return at[3] == 0x40 && (at[4] == 0x10 || at[4] == 0x11 || at[4] == 0x18);
}

/* Somewhere in the bytes, as the reads of a connection that is under way begin
 * anywhere. */
static bool has_data_record(struct text text)
{
	const uint8_t *at = bytes_of(text), *end = at + text.len;

	if (text.len == RECORD_HEAD)
		return is_data(at);
	while ((at = memchr(at, RECORD_DATA, (size_t)(end - at)))) {
		if (is_data_record(at, (size_t)(end - at)))
			return true;
		at++;
	}
	return false;
}

static bool is_dtls(struct text text)
{
	const uint8_t *at = bytes_of(text);

	if (text.len < DTLS_HEAD || at[1] != 0xfe || (at[2] != 0xff && at[2] != 0xfd))
		return false;
	if (at[0] != RECORD_HANDSHAKE && at[0] != RECORD_DATA)
		return false;
	return DTLS_HEAD + (size_t)(at[11] << 8 | at[12]) <= text.len;
}

/* The header by which a proxy says whom it speaks for, in one piece with what
 * follows (haproxy.org, proxy-protocol.txt). */
static size_t proxy_header(struct text text)
{
	static const char magic[] = "\r\n\r\n\0\r\nQUIT\n";
	size_t magic_len = sizeof(magic) - 1, len = text.len;
	const char *end;

	if (len > 16 && memcmp(text.data, magic, magic_len) == 0) {
		const uint8_t *at = bytes_of(text);
		size_t header = 16 + (size_t)(at[14] << 8 | at[15]);

		return header < len ? header : 0;
	}
	if (len < 8 || memcmp(text.data, "PROXY ", 6) != 0)
		return 0;
	end = memchr(text.data, '\n', len < PROXY_LINE_MAX ? len : PROXY_LINE_MAX);
	return end ? (size_t)(end + 1 - text.data) : 0;
}

static bool is_stream(const struct conn *conn)
{
	return conn->type == SOCK_STREAM || !conn->transport;
}

enum detected detect(const struct fact *fact, size_t *skip)
{
	const struct conn *conn = fact->conn;
	struct text text = fact->io.data;

	*skip = 0;
	if (!text.len)
		return DETECT_NOTHING;
	if (conn->type == SOCK_DGRAM && conn->family != AF_UNIX)
		return is_dtls(text) ? DETECT_DTLS : DETECT_NOTHING;
	if (!is_stream(conn))
		return DETECT_NOTHING;
	if (fact->io.offset == 0) {
		*skip = proxy_header(text);
		text.data += *skip;
		text.len -= *skip;
		if (!text.len)
			return DETECT_NOTHING;
	}
	if (is_hello(text, HELLO_CLIENT))
		return DETECT_CLIENT;
	if (text.len > RECORD_HEAD && is_hello(text, HELLO_SERVER))
		return DETECT_SERVER;
	if ((conn->kind == OPEN_EXISTING || conn->kind == 0) && fact->io.offset < LOOK_BYTES &&
	    has_data_record(text))
		return DETECT_DATA;
	return DETECT_NOTHING;
}

bool detect_record(struct text bytes, bool of_server)
{
	uint8_t type = bytes.len ? (uint8_t)bytes.data[0] : 0;

	if (bytes.len > 1 && bytes.data[1] != 3)
		return false;
	if (of_server)
		return type == RECORD_ALERT || is_hello(bytes, HELLO_SERVER);
	return type >= RECORD_CHANGE && type <= RECORD_DATA;
}
