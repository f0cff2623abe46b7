/* Addresses as people write them. */
#ifndef GLASSTAP_FLOW_ADDRESS_H
#define GLASSTAP_FLOW_ADDRESS_H

#include <stddef.h>

#include "bpf/event.h"

/* A unix name of 108 bytes; "[", 45 of IPv6, "%", 10, "]:", 5. */
#define ADDRESS_ROOM 112
_Static_assert(ADDRESS_ROOM >= EVENT_PATH, "room");

/* "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80". Its length; 0 where the address
 * is unknown or says nothing (0.0.0.0:0). No NUL behind. */
size_t address_text(const struct address *address, char room[ADDRESS_ROOM]);

/* A name of a unix socket: a path, or "@" and the rest of an abstract one. */
size_t address_unix(const char *path, size_t len, char room[ADDRESS_ROOM]);

#endif
