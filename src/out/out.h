/* out: facts to text or JSON lines, into a buffer. No I/O, no clock. */
#ifndef GLASSTAP_OUT_H
#define GLASSTAP_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "fact.h"

struct out_options {
	uint64_t clock_offset;     /* realtime - boottime, ns: fact.time + this is UTC since 1970 */
	int64_t zone_offset;       /* seconds east of UTC, for text */
	bool colour, hex;
	int verbose;
};

/* One writer a format; `out_formats` is the table, ended by a NULL name. Text
 * has nothing for FACT_SUMMARY: see out_summary. */
struct out_format {
	const char *name;          /* "text", "json", "keylog" */
	void (*fact)(struct buf *out, const struct out_options *options, const struct fact *fact);
	unsigned facts;            /* those that it is for, whatever the view shows; 0: the view's */
	bool secret;               /* holds keys: its file is its owner's alone, and is written
	                            * to at once, for who decrypts along */
};
extern const struct out_format out_formats[];

/* The sums, as a person reads them at the end, without colour unless asked. */
void out_summary(struct buf *out, const struct out_options *options,
		 const struct fact_summary *summary);

/* For the formats. */
void json_fact(struct buf *out, const struct out_options *options, const struct fact *fact);
void keylog_fact(struct buf *out, const struct out_options *options, const struct fact *fact);
void text_fact(struct buf *out, const struct out_options *options, const struct fact *fact);

extern const char *const out_lost_names[LOST_KINDS];

char *out_digits(char *to, uint64_t value, int count);         /* exactly so many; returns the end */
char *out_time_of_day(char *to, uint32_t second);              /* 12:34:56 */

/* 2026-01-31, of a day since 1970-01-01, in the years 0 to 9999. Whether a second
 * is in those. */
char *out_date(char *to, int64_t day);
bool out_has_date(int64_t second);
int64_t out_day(int64_t second);                               /* also before 1970 */
void out_error(struct buf *out, uint32_t error);               /* "connection refused" */
#define OUT_UNANSWERED "closed before it was answered"         /* a connect's ECANCELED */
const char *out_error_name(uint32_t error);                    /* "ECONNREFUSED"; NULL unknown */
void out_signal(struct buf *out, int signal);                  /* "SIGKILL" */

/* Three digits that count: 850 ns, 12.3 us, 1.5 s; minutes and hours above. */
void out_duration(struct buf *out, uint64_t ns);
void out_count(struct buf *out, uint64_t count, const char *one, const char *many);

enum style { STYLE_PLAIN, STYLE_DIM, STYLE_RED, STYLE_GREEN, STYLE_YELLOW, STYLE_CYAN };

/* Both do nothing without colour, and for STYLE_PLAIN. */
void out_style(struct buf *out, const struct out_options *options, enum style style);
void out_style_end(struct buf *out, const struct out_options *options, enum style style);

#endif
