/* What a Go program's own tables say of it: version, build, and where functions
 * are. Go 1.15 to 1.27, stripped or not, fixed, PIE, with cgo.
 *
 * Nothing of it is a guess. The start of the text comes from the module data,
 * and go_open has compared it with the header, the function table, the segments,
 * and the code of some functions. Where they disagree there is no struct go but
 * a reason. */
#ifndef GLASSTAP_SYM_GO_H
#define GLASSTAP_SYM_GO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/failure.h"
#include "sym/image.h"

struct go;

enum go_source {
	GO_VERSION_UNKNOWN,
	GO_VERSION_BUILD_INFO,     /* said by .go.buildinfo */
	GO_VERSION_RUNTIME         /* said by runtime.buildVersion */
};

/* Strings are NULL where unknown; an int is 1, 0, or -1 where unknown. */
struct go_facts {
	const char *version;       /* "go1.26.1", "go1.24.4 X:boringcrypto" */
	enum go_source version_source;
	int minor_first, minor_last; /* of 1.x: both the same where the version is known, else what
				    * the tables' layout leaves open; minor_last 0: no end */
	const char *package;       /* the main one: "github.com/caddyserver/caddy/v2/cmd/caddy" */
	const char *module, *module_version;
	const char *buildmode;     /* "exe", "pie"... */
	const char *ldflags, *tags, *experiment;
	const char *fips;          /* the setting GOFIPS140 */
	int trimpath;
	int cgo;                   /* C code is in it */
	int external;              /* linked by the system's linker */
	bool stripped;             /* no symbol table */
	bool sections;             /* has section headers */
	bool boring;               /* crypto by BoringCrypto */
	bool openssl;              /* crypto by OpenSSL, in toolchains changed for that */
	enum image_kind kind;
	uint64_t text, text_end;   /* the Go code */
	size_t functions;
};

/* `image` must outlive it. -ENOENT: it is not a Go program (failure says so too).
 * -EBADMSG: it is one, but its tables are damaged or unknown. */
int go_open(struct go **go, struct image *image, struct failure *failure);
void go_free(struct go *go);

const struct go_facts *go_facts(const struct go *go);

/* "go1.26.1", or what is known of it: "Go 1.20 to 1.25". Never NULL. */
const char *go_version(const struct go *go);

struct go_function {
	size_t which;              /* of the names that were wanted */
	const char *name;          /* "crypto/tls.(*Config).writeKeyLog"; borrowed */
	size_t package_len;        /* of the name, the package path: 10 */
	uint64_t start, end;       /* addresses; end: where the next function starts */
};

/* Calls `found` for each function of a wanted name, in order of addresses. One
 * that begins with '.' is wanted in every package: ".(*Config).writeKeyLog" is
 * found in crypto/tls and in github.com/refraction-networking/utls, and
 * ".keysFromMasterSecret" is not found as a method. Any other is a whole name.
 * 0, what `found` returned if not 0, or -EBADMSG with a failure. */
int go_find(struct go *go, const char *const *wanted, size_t count,
	    int (*found)(void *context, const struct go_function *function), void *context,
	    struct failure *failure);

enum go_abi {
	GO_ABI_STACK = 1,          /* arguments on the stack */
	GO_ABI_REGISTERS
};

struct go_proof {
	enum go_abi abi;
	uint64_t check;            /* address of the branch of the stack check */
	uint64_t body;             /* ... and of the instruction behind it */
};

/* That the code of this function (one that go_find gave) begins as a Go function of
 * this program does: with the check of the stack that ends in a call of
 * runtime.morestack; that it is as long as the tables say; and, for the functions of
 * crypto/tls where secrets are made, that it does what a function of that name does.
 * -EBADMSG: it does not, with the reason. A function
 * without such a check (a small leaf, assembly) cannot be proved: -ENOTSUP. */
int go_prove(struct go *go, const struct go_function *function, struct go_proof *proof,
	     struct failure *failure);

/* The packages that hold an implementation of TLS: "crypto/tls" and its forks.
 * The index-th, NULL behind the last one; none at index 0: no TLS of Go's. */
const char *go_tls_package(const struct go *go, size_t index);

#endif
