/* What the parts of `unlock` share. */
#ifndef GLASSTAP_TLS_UNLOCK_H
#define GLASSTAP_TLS_UNLOCK_H

#include "tls/state.h"

/* A record that is to be opened. */
struct attempt {
	struct tls *tls;
	struct session *session;
	int dir;
	const struct stream_record *record;
	struct record_search *search; /* NULL: it is the first of its epoch */
	struct record_opened *opened;
	uint64_t sequence;         /* that it proved to have */
};

static inline struct half *half_of(const struct attempt *attempt)
{
	return &attempt->session->dirs[attempt->dir];
}

/* unlock.c */
bool unlock_opens(struct attempt *attempt, struct record_key *key);
/* The direction has this key from this record on. */
void unlock_install(struct attempt *attempt, struct record_key *key, enum epoch epoch,
		    const char *via);
/* Tries those of a list that were not tried on this epoch before, newest first. */
typedef bool unlock_try(struct attempt *attempt, struct secret *secret, enum epoch epoch);
bool unlock_list(struct attempt *attempt, struct list *list, enum epoch epoch, unlock_try *try);
/* This secret's owner is proved now: it has its line in the key log. */
void unlock_name(struct attempt *attempt, struct secret *secret, enum secret_label label);

/* unlock13.c: FATE_KEY: none is there; FATE_FAILED: one is, and it is not right. */
enum fate unlock_find13(struct attempt *attempt, enum epoch epoch, bool named_only);
enum fate unlock_next13(struct attempt *attempt);      /* the first record of an epoch */
enum fate unlock_later13(struct attempt *attempt);     /* of this one or a later one */

/* unlock12.c */
enum fate unlock_find12(struct attempt *attempt);

#endif
