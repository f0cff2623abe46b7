/* Every maximum, with the reason for the number. Beyond one: refuse or evict,
 * and count. */
#ifndef GLASSTAP_LIMITS_H
#define GLASSTAP_LIMITS_H

#include <stddef.h>
#include <stdint.h>

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

/* Of an ELF file. Linkers make 4 to 12 loadable segments, up to 60 sections, and
 * programs name up to 300 libraries. */
#define MAX_SEGMENTS 64
#define MAX_SECTIONS 1024
#define MAX_NEEDED 1024

/* Entries of a dynamic section: libraries and some 40 more. */
#define MAX_DYNAMIC 4096

/* Bytes of relocations that are looked through: a PIE of 300 MB has 30 MB. */
#define MAX_RELOCATIONS (256u << 20)

/* Bytes read of one file, again and again included: so many, and IMAGE_READ_TIMES its
 * size, but no more than MAX_IMAGE_READ. A Go program of 300 MB takes a third of its
 * size to open and to search. It ends what a hostile file could make last. */
#define IMAGE_READ_BASE (64u << 20)
#define IMAGE_READ_TIMES 8
#define MAX_IMAGE_READ ((uint64_t)4 << 30)

/* Of a Go program. The largest known has 800,000 functions. */
#define MAX_GO_FUNCTIONS (8u << 20)

/* Bytes of a function's name; longer ones are only of generic instances, which no
 * one asks for. */
#define MAX_GO_NAME 1024

/* Bytes of a Go program's build info: a line for each of its modules. The largest
 * known list has 90 KB. */
#define MAX_GO_BUILD (1u << 20)

/* Functions of the names that are wanted, and packages with TLS: a program holds a
 * few forks of crypto/tls. */
#define MAX_GO_MATCHES 1024
#define MAX_GO_TLS 16

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
/* Functions of one file that are probed: two of each copy of crypto/tls, of which
 * a program has one, and seldom two or three forks. */
#define MAX_PROBES_PER_FILE 16

/* A Go function's name is its package's path and its own; longer ones are cut. */
#define MAX_SITE_NAME 192
#define MAX_SITE_WHY 256

/* The functions that are probed have 40 bytes to 4 KiB; what is longer is proved
 * as far as this. Of those whose size is not known, no more than the beginning. */
#define MAX_FUNCTION_CODE 65536
#define MAX_UNSIZED_CODE 64

/* What the kernel lets a process map, by default (vm.max_map_count), and more. */
#define MAX_MAPPINGS 262144

/* Files that were looked at: the programs and libraries of a large machine; 200
 * bytes each. The one that was not seen for longest goes first. */
#define MAX_BINARIES 8192

/* Libraries that a program is linked to, and where those are looked for: three
 * times what the largest desktop programs have. */
#define MAX_LIBRARIES 1024
#define MAX_LIBRARY_DIRECTORIES 128

/* Files of one process that a verdict tells of. */
#define MAX_VERDICT_FILES 64

/* Files that have probes at the same time. */
#define MAX_PROBED_FILES 512
/* The longest function that is proved for a probe, in bytes: Go's tables of
 * Unicode are set up in about 300 KB. A megabyte takes 40 ms. */
#define MAX_PLACE_FUNCTION (1u << 20)

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
