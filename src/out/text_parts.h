/* What the lines of text have in common. */
#ifndef GLASSTAP_OUT_TEXT_PARTS_H
#define GLASSTAP_OUT_TEXT_PARTS_H

#include "out/out.h"

#define SIZE_COLUMNS 9

/* Fills the column that began at `start`, with at least one space behind. Codes
 * of colour must not stand in it. */
void text_pad(struct buf *out, size_t start, size_t width);

/* The columns that every line has: when, who, on what, what. */
void text_begin(struct buf *out, const struct out_options *options, const struct fact *fact,
		const char *verb, enum style style);

/* Transport and the two sides. `peer`, if it has a length, is the other one. */
void text_sides(struct buf *out, const struct conn *conn, const char *arrow, struct text peer);

/* Bytes of a program, indented. */
void text_data(struct buf *out, const struct out_options *options, struct text data);

/* Words of ours about bytes that are missing, in a line of their own. */
void text_gap_begin(struct buf *out, const struct out_options *options);
void text_gap_end(struct buf *out, const struct out_options *options, const char *why);
void text_gap(struct buf *out, const struct out_options *options, uint64_t shown, uint64_t len,
	      const char *why);

/* For the table of writers. */
void text_tls(struct buf *out, const struct out_options *options, const struct fact *fact);
void text_plaintext(struct buf *out, const struct out_options *options, const struct fact *fact);

#endif
