/* Allocations that fail when a test wants it: the n-th from now, and those after
 * it. Defines the program's malloc in front of the C library's or the address
 * sanitizer's. */
#ifndef GLASSTAP_FAILING_H
#define GLASSTAP_FAILING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__has_feature)                     /* clang's way to say it */
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
size_t __sanitizer_get_current_allocated_bytes(void);  /* gcc comes without its header */
#define REAL(name) __interceptor_##name
#else
#include <malloc.h>
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *old, size_t size);

static size_t failing_after = SIZE_MAX;        /* allocations that still succeed */
static size_t failing_count;                   /* that did not */

static bool failing_now(void)
{
	if (failing_after == SIZE_MAX)
		return false;
	if (failing_after) {
		failing_after--;
		return false;
	}
	failing_count++;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return failing_now() ? NULL : REAL(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
	return failing_now() ? NULL : REAL(calloc)(count, size);
}

void *realloc(void *old, size_t size)
{
	return failing_now() ? NULL : REAL(realloc)(old, size);
}

/* Bytes in use. */
static size_t failing_used(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return __sanitizer_get_current_allocated_bytes();
#else
	return mallinfo2().uordblks + mallinfo2().hblkhd;
#endif
}

#endif
