/* What the lines of JSON have in common. */
#ifndef GLASSTAP_OUT_JSON_PARTS_H
#define GLASSTAP_OUT_JSON_PARTS_H

#include "out/out.h"

/* `key` is the whole `,"name":`. */
#define add_uint_member(out, key, value) (buf_literal(out, key), buf_uint(out, value))

/* A string of ours: nothing in it needs an escape. */
#define add_word_member(out, key, word)                                        \
	(buf_literal(out, key "\""), buf_string(out, word), buf_char(out, '"'))

/* `key` or `key_base64`, as the bytes need. */
#define add_bytes_member(out, key, bytes) json_bytes(out, TEXT(",\"" key), bytes)

#define add_ms_member(out, key, ns)                                            \
	((ns) < 0 ? (void)0 : (buf_literal(out, key), json_decimal(out, (uint64_t)(ns), 6)))

void json_time(struct buf *out, uint64_t time);                /* RFC 3339 */
void json_quoted(struct buf *out, struct text bytes, bool valid);
void json_bytes(struct buf *out, struct text key, struct text bytes);
void json_decimal(struct buf *out, uint64_t ns, int digits);   /* in units of 10^digits ns */
void json_conn(struct buf *out, const struct conn *conn);
void json_dir(struct buf *out, uint8_t dir);
void json_transport(struct buf *out, const struct conn *conn);

/* `peer`: the other side of this one datagram, if it has a length. */
void json_sides(struct buf *out, const struct conn *conn, struct text peer);

/* `list`: each item ends in NUL. `key` is without its quotes and comma. */
void json_list(struct buf *out, const char *key, struct text list);

/* For the table of writers. */
void json_tls(struct buf *out, const struct fact *fact);
void json_plaintext(struct buf *out, const struct fact *fact);

#endif
