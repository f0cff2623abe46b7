/* A fast checksum against damage, not against malice. */
#ifndef GLASSTAP_CHECKSUM_H
#define GLASSTAP_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Of the bytes, their number and the seed. In the machine's byte order. */
uint32_t checksum(uint64_t seed, const void *data, size_t len);

#endif
