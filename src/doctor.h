/* The command `doctor`: what would be seen of a target's TLS, what not, and why. */
#ifndef GLASSTAP_DOCTOR_H
#define GLASSTAP_DOCTOR_H

#include "opts.h"

/* Prints to stdout. The exit status: 0 if everything can be seen, 1 if not, or if
 * there is no such target. */
int doctor(const struct options *options);

#endif
