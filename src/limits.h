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

/* A handshake message. A chain of certificates is the longest: Go takes 256 KiB,
 * OpenSSL 100 KiB. */
#define MAX_HANDSHAKE (256u << 10)

/* Certificates of a chain: public ones have up to five. */
#define MAX_CERTS 16

/* Bytes of one: 2 KiB as a rule, some with hundreds of names have ten times that. */
#define MAX_CERT (64u << 10)

/* Parts of a name in a certificate (CN, O, C...): real ones have up to ten. */
#define MAX_NAME_PARTS 64

/* TLS connections at once. One whose handshake is over takes 4 KiB, most of it
 * libcrypto's. The one not used for longest goes first. */
#define MAX_TLS 16384

/* Ciphertext that waits for its key, of one direction: a key comes within a
 * millisecond of what it opens, which is 4 MiB at 4 GB/s. And of all together. */
#define MAX_HELD (4u << 20)
#define MAX_HELD_TOTAL (64u << 20)

/* Keys that are kept for connections still to come: those of 6,000 handshakes. */
#define MAX_SECRETS 32768

/* Keys that are tried on one record, where nothing says which is its own: a few
 * microseconds each. And connections on which a new one is tried at once. */
#define MAX_SECRET_TRIES 256
#define MAX_SECRET_KICKS 64

/* Lines of the key log that are remembered, so that each is written once: the two
 * ends of a connection make the same within a moment. */
#define MAX_LOGGED (256u << 10)

/* Sessions of TLS 1.2 that may be resumed; servers keep some thousands. */
#define MAX_RESUMABLE 8192

/* Bytes deciphered in search of one record's sequence number: some 20 ms. */
#define MAX_SEARCH_WORK (32u << 20)

/* What looked like a record behind a gap and was none. By chance that is one in
 * 3 MB; after so many the stream is given up. */
#define MAX_SEARCH_FAILURES 64

/* Changes of key (KeyUpdate) that a gap may have swallowed: most programs never
 * change one. */
#define MAX_MISSED_UPDATES 4

#endif
