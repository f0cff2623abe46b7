/* Any bytes as a certificate: bounded words, and none that could pass for two. */
#include <errno.h>

#include "../unit/cert_make.h"
#include "fuzz.h"
#include "limits.h"
#include "tls/cert.h"

static void check_line(struct text text, size_t most)
{
	FUZZ_ASSERT(text.len <= most);
	for (size_t i = 0; i < text.len; i++)
		FUZZ_ASSERT((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

static void check_list(struct text list, size_t most)
{
	FUZZ_ASSERT(list.len <= most && (!list.len || !list.data[list.len - 1]));
	for (size_t i = 0; i < list.len; i++)
		FUZZ_ASSERT(list.data[i] == 0 ||
			    ((unsigned char)list.data[i] >= 0x20 && list.data[i] != 0x7f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cert_chain chain = {};
	/* The longest that a byte can become: one that a name of a field stands for. */
	size_t most = 16 * size + 1024;
	int error = cert_add(&chain, (struct text){ (const char *)data, size });

	if (size > MAX_CERT) {
		FUZZ_ASSERT(error == -E2BIG && chain.count == 0 && chain.refused == 1);
		return 0;
	}
	FUZZ_ASSERT(chain.count == 1 && (error == 0 || error == -EINVAL));
	check_line(chain.certs[0].subject, most);
	check_line(chain.certs[0].issuer, most);
	check_list(chain.certs[0].san, most);
	if (error)
		FUZZ_ASSERT(!chain.certs[0].subject.len && !chain.certs[0].issuer.len &&
			    !chain.certs[0].san.len);
	cert_free(&chain);
	return 0;
}

size_t fuzz_seed(uint64_t number, uint8_t *data, size_t room)
{
	struct made made;
	struct text der;
	size_t len;

	if (number % 2) {
		make_with_directory(&made);
	} else {
		make(&made, "");
		set_names(&made, NAME("O", "Example, Inc.", "CN", "x"), NAME("1.2.3.4", "y"));
		add_extension(&made, NID_subject_alt_name,
			      "URI:http://a/,email:a@b,RID:1.2.3,IP:::1,otherName:msUPN;UTF8:me");
	}
	der = finish(&made);
	len = der.len < room ? der.len : 0;
	memcpy(data, der.data, len);
	made_free(&made);
	return len;
}
