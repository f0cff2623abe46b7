/* Certificates made to measure, for test_cert and fuzz_cert. What cannot be made
 * is a fault of the test. */
#ifndef GLASSTAP_CERT_MAKE_H
#define GLASSTAP_CERT_MAKE_H

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define YEAR_2026 1767225600

struct made {
	X509 *x509;
	EVP_PKEY *key;
	unsigned char *der;
	int len;
};

static EVP_PKEY *make_key(const char *kind)
{
	static const unsigned char fixed[32] = "the same seeds everywhere";

	if (strcmp(kind, "RSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	if (strcmp(kind, "EC") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, fixed, sizeof(fixed));
}

/* `kind`: of its key, "EC" or "RSA"; "" makes the same certificate each time. */
static void make(struct made *made, const char *kind)
{
	*made = (struct made){ .x509 = X509_new(), .key = make_key(kind) };
	X509_set_version(made->x509, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(made->x509), 42);
	ASN1_TIME_set(X509_getm_notBefore(made->x509), YEAR_2026);
	ASN1_TIME_set(X509_getm_notAfter(made->x509), YEAR_2026 + 86400);
	X509_set_pubkey(made->x509, made->key);
}

static void add_part(X509_NAME *name, const char *field, int type, const char *bytes, int len)
{
	if (!X509_NAME_add_entry_by_txt(name, field, type, (const unsigned char *)bytes, len, -1, 0))
		abort();
}

static void add_name(X509_NAME *name, const char *field, const char *value)
{
	add_part(name, field, MBSTRING_UTF8, value, -1);
}

static void add_extension(struct made *made, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	if (!extension || !X509_add_ext(made->x509, extension, -1))
		abort();
	X509_EXTENSION_free(extension);
}

static struct text finish(struct made *made)
{
	X509_sign(made->x509, made->key,
		  EVP_PKEY_get_id(made->key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256());
	made->len = i2d_X509(made->x509, &made->der);
	if (made->len <= 0)
		abort();
	return (struct text){ (const char *)made->der, (size_t)made->len };
}

static void made_free(struct made *made)
{
	OPENSSL_free(made->der);
	X509_free(made->x509);
	EVP_PKEY_free(made->key);
}

/* A name given in the order of its encoding: "C", "DE", "CN", "x", NULL. */
static void set_names(struct made *made, const char *const *subject, const char *const *issuer)
{
	for (; *subject; subject += 2)
		add_name(X509_get_subject_name(made->x509), subject[0], subject[1]);
	for (; *issuer; issuer += 2)
		add_name(X509_get_issuer_name(made->x509), issuer[0], issuer[1]);
}

#define NAME(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void add_general(GENERAL_NAMES *names, int type, const char *bytes, int len)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *string = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING :
						   V_ASN1_IA5STRING);

	ASN1_STRING_set(string, bytes, len);
	GENERAL_NAME_set0_value(name, type, string);
	sk_GENERAL_NAME_push(names, name);
}

static void make_with_directory(struct made *made)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	X509_NAME *directory = X509_NAME_new();

	make(made, "");
	set_names(made, NAME("C", "DE", "O", "Example", "CN", "example.org"), NAME("CN", "R3"));
	add_extension(made, NID_basic_constraints, "CA:TRUE");
	add_general(names, GEN_DNS, "example.org", 11);
	add_general(names, GEN_IPADD, "\1\2\3\4", 4);
	add_name(directory, "O", "a");
	add_name(directory, "CN", "b");
	GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
	sk_GENERAL_NAME_push(names, name);
	X509_add1_ext_i2d(made->x509, NID_subject_alt_name, names, 0, 0);
	GENERAL_NAMES_free(names);
}

#endif
