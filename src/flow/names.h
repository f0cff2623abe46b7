/* The words for the contract's numbers. NULL: there is none. Values are checked
 * before (check.h). */
#ifndef GLASSTAP_FLOW_NAMES_H
#define GLASSTAP_FLOW_NAMES_H

#include <stddef.h>
#include <stdint.h>

const char *name_operation(uint8_t op);
const char *name_gap(uint8_t gap);
const char *name_open(uint8_t kind);

#define TRANSPORT_ROOM 12

/* A name that is in no table ("af45") is written to `room`. For a file `type`
 * is its S_IFMT bits. */
const char *name_transport(uint16_t family, uint16_t type, uint16_t protocol,
			   char room[TRANSPORT_ROOM]);

#define NETLINK_ROOM 32

/* "netlink:route"... */
size_t name_netlink(uint16_t protocol, char room[NETLINK_ROOM]);

#define REASON_ROOM 96

const char *name_reason(uint8_t reason, uint32_t error, char room[REASON_ROOM]);

#endif
