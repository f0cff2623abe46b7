#include "flow/address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

static char *put_uint(char *at, uint32_t value)
{
	char digits[10];
	int count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (count)
		*at++ = digits[--count];
	return at;
}

static char *put_ip4(char *at, const uint8_t *ip)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at = put_uint(at, ip[i]);
	}
	return at;
}

static char *put_ip6(char *at, const struct address *address)
{
	*at++ = '[';
	inet_ntop(AF_INET6, address->ip, at, INET6_ADDRSTRLEN);
	at += strlen(at);
	if (address->scope) {
		*at++ = '%';
		at = put_uint(at, address->scope);
	}
	*at++ = ']';
	return at;
}

size_t address_text(const struct address *address, char room[ADDRESS_ROOM])
{
	static const uint8_t unspecified[sizeof(address->ip)];
	size_t ip_len = address->family == AF_INET ? 4 : sizeof(address->ip);
	char *at = room;

	if (address->family != AF_INET && address->family != AF_INET6)
		return 0;
	if (address->port == 0 && memcmp(address->ip, unspecified, ip_len) == 0)
		return 0;
	at = address->family == AF_INET ? put_ip4(at, address->ip) : put_ip6(at, address);
	*at++ = ':';
	return (size_t)(put_uint(at, address->port) - room);
}

size_t address_unix(const char *path, size_t len, char room[ADDRESS_ROOM])
{
	if (len == 0)
		return 0;
	memcpy(room, path, len);
	if (room[0]) {
		while (len && room[len - 1] == '\0')
			len--;
		return len;
	}
	if (len == 1)
		return 0;              /* unnamed: an abstract name has a byte at least */
	room[0] = '@';
	return len;
}
