/* Unit tests: a program for each module, a line for each test.
 *
 *	TEST(closes_once)
 *	{
 *		struct thing *thing = thing_new();
 *
 *		REQUIRE(thing != NULL);         // ends this test if not
 *		CHECK(thing_close(thing) == 0); // goes on, the test has failed
 *		CHECK_EQ(thing_count(thing), 1);
 *		CHECK_STR(thing_name(thing), "x");
 *		thing_free(thing);
 *	}
 *
 *	TEST_MAIN()
 *
 * prints "ok closes_once" or "not ok closes_once: FILE:LINE: why" (or, after
 * SKIP(why), "skip closes_once: why") and ends with status 0 or 1.
 * Arguments name the tests to run; none: all of them. */
#ifndef GLASSTAP_TEST_H
#define GLASSTAP_TEST_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

static struct test *test_first, **test_last = &test_first;
static char test_why[1024];    /* the first failure of the test that runs; "" none */
static const char *test_skipped;

__attribute__((format(printf, 3, 4), unused))
static void test_fail(const char *file, int line, const char *format, ...)
{
	va_list arguments;
	size_t len;

	if (test_why[0])
		return;
	len = (size_t)snprintf(test_why, sizeof(test_why), "%s:%d: ", file, line);
	if (len >= sizeof(test_why))
		return;
	va_start(arguments, format);
	vsnprintf(test_why + len, sizeof(test_why) - len, format, arguments);
	va_end(arguments);
	for (char *c = test_why; *c; c++)
		if (*c == '\n')
			*c = ' ';
}

#define TEST(name)                                                             \
	static void test_##name(void);                                         \
	__attribute__((constructor)) static void test_add_##name(void)         \
	{                                                                      \
		static struct test test = { #name, test_##name, NULL };        \
		*test_last = &test;                                            \
		test_last = &test.next;                                        \
	}                                                                      \
	static void test_##name(void)

#define SKIP(why)                                                              \
	do {                                                                   \
		test_skipped = (why);                                          \
		return;                                                        \
	} while (0)

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			test_fail(__FILE__, __LINE__, "%s", #condition);       \
	} while (0)

#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition)) {                                            \
			test_fail(__FILE__, __LINE__, "%s", #condition);       \
			return;                                                \
		}                                                              \
	} while (0)

#define CHECK_EQ(is, wanted)                                                   \
	do {                                                                   \
		long long is_ = (long long)(is), wanted_ = (long long)(wanted); \
		if (is_ != wanted_)                                            \
			test_fail(__FILE__, __LINE__, "%s is %lld, not %lld",  \
				  #is, is_, wanted_);                          \
	} while (0)

#define CHECK_STR(is, wanted)                                                  \
	do {                                                                   \
		const char *is_ = (is), *wanted_ = (wanted);                   \
		if (!is_ || strcmp(is_, wanted_) != 0)                         \
			test_fail(__FILE__, __LINE__, "%s is '%s', not '%s'",  \
				  #is, is_ ? is_ : "(null)", wanted_);         \
	} while (0)

/* Bytes with a length, such as a struct text's. */
#define CHECK_BYTES(is, is_len, wanted, wanted_len)                            \
	do {                                                                   \
		const char *is_ = (const char *)(is);                          \
		const char *wanted_ = (const char *)(wanted);                  \
		size_t is_len_ = (is_len), wanted_len_ = (wanted_len);         \
		if (is_len_ != wanted_len_ ||                                  \
		    (is_len_ && memcmp(is_, wanted_, is_len_) != 0))           \
			test_fail(__FILE__, __LINE__,                          \
				  "%s is '%.*s' (%zu), not '%.*s' (%zu)", #is, \
				  (int)is_len_, is_len_ ? is_ : "", is_len_,   \
				  (int)wanted_len_, wanted_len_ ? wanted_ : "", \
				  wanted_len_);                                \
	} while (0)

#define CHECK_TEXT(is, wanted)                                                 \
	CHECK_BYTES((is).data, (is).len, wanted, strlen(wanted))

/* The same sequence everywhere, for randomised tests. */
__attribute__((unused))
static inline uint64_t test_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static int test_main(int argc, char **argv)
{
	bool failed = false;

	for (struct test *test = test_first; test; test = test->next) {
		bool wanted = argc < 2;

		for (int i = 1; i < argc; i++)
			wanted |= strcmp(argv[i], test->name) == 0;
		if (!wanted)
			continue;
		test_why[0] = '\0';
		test_skipped = NULL;
		test->run();
		if (test_why[0])
			printf("not ok %s: %s\n", test->name, test_why);
		else if (test_skipped)
			printf("skip %s: %s\n", test->name, test_skipped);
		else
			printf("ok %s\n", test->name);
		fflush(stdout);
		failed |= test_why[0] != '\0';
	}
	return failed;
}

#define TEST_MAIN()                                                            \
	int main(int argc, char **argv)                                        \
	{                                                                      \
		return test_main(argc, argv);                                  \
	}

#endif
