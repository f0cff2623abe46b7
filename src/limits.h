/* Every maximum, with the reason for the number. Beyond one: refuse or evict,
 * and count. */
#ifndef GLASSTAP_LIMITS_H
#define GLASSTAP_LIMITS_H

#include <stddef.h>

/* Twice the live connections of a busy proxy; a record is under 1 KiB. The one
 * not used for longest goes first, and the summary says how many went. */
#define MAX_CONNS 65536

/* Bytes that come after a close (a read of what had arrived before a reset) come
 * at once, before this many other closes. */
#define MAX_CLOSED 256

/* A default pid_max of 32768 and room; a process costs about 100 bytes. */
#define MAX_PROCESSES 65536

/* What execve(2) itself allows is a quarter of the stack limit, 2 MiB by
 * default. More than that is cut and marked. */
#define MAX_EXEC_TEXT (4u << 20)

/* Programs whose launch is still being put together: a piece more than cores. */
#define MAX_EXEC_PENDING 1024

/* Bytes of text that all of these hold at once: a few of the greatest size, or
 * 16 KiB each. Past it the oldest is told with what has come of it. */
#define MAX_EXECS_HELD (4 * (size_t)MAX_EXEC_TEXT)

/* Holes in streams that may still be filled: they last 20 ms. */
#define MAX_HOLES 256

/* The longest function that is proved for a probe, in bytes: Go's tables of
 * Unicode are set up in about 300 KB. A megabyte takes 40 ms. */
#define MAX_PLACE_FUNCTION (1u << 20)

#endif
