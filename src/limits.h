/* Every maximum, with the reason for the number. Beyond one: refuse or evict,
 * and count. */
#ifndef GLASSTAP_LIMITS_H
#define GLASSTAP_LIMITS_H

/* Twice the live connections of a busy proxy; a record is under 1 KiB. The one
 * not used for longest goes first, and the summary says how many went. */
#define MAX_CONNS 65536

/* A default pid_max of 32768 and room; a process costs about 100 bytes. */
#define MAX_PROCESSES 65536

/* What execve(2) itself allows is a quarter of the stack limit, 2 MiB by
 * default. More than that is cut and marked. */
#define MAX_EXEC_TEXT (4u << 20)

/* Programs whose launch is still being put together: a piece more than cores. */
#define MAX_EXEC_PENDING 1024

/* Text of an address: a unix path of 108 bytes, each escaped to four. */
#define MAX_ADDRESS_TEXT 448

#endif
