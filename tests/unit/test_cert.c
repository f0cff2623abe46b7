#include "tls/cert.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cert_make.h"
#include "limits.h"
#include "test.h"

TEST(cert_rsa_and_ec)
{
	for (int ec = 0; ec < 2; ec++) {
		struct cert_chain chain = {};
		struct made made;

		make(&made, ec ? "EC" : "RSA");
		set_names(&made, NAME("C", "DE", "O", "Example", "CN", "example.org"),
			  NAME("C", "US", "O", "Some CA, Inc.", "CN", "R3"));
		add_extension(&made, NID_basic_constraints, "critical,CA:FALSE");
		add_extension(&made, NID_key_usage, "digitalSignature");
		add_extension(&made, NID_subject_alt_name, "DNS:example.org,DNS:*.example.org");
		CHECK_EQ(cert_add(&chain, finish(&made)), 0);
		REQUIRE(chain.count == 1);
		CHECK_TEXT(chain.certs[0].subject, "CN=example.org, O=Example, C=DE");
		CHECK_TEXT(chain.certs[0].issuer, "CN=R3, O=\"Some CA, Inc.\", C=US");
		CHECK_BYTES(chain.certs[0].san.data, chain.certs[0].san.len,
			    "DNS:example.org\0DNS:*.example.org", 34);
		CHECK_EQ(chain.certs[0].not_before, YEAR_2026);
		CHECK_EQ(chain.certs[0].not_after, YEAR_2026 + 86400);
		CHECK(!chain.certs[0].is_ca);
		made_free(&made);
		cert_free(&chain);
	}
}

TEST(cert_authority)
{
	static const struct { const char *constraints; bool is_ca; } known[] = {
		{ "CA:TRUE", true }, { "critical,CA:TRUE,pathlen:0", true }, { "CA:FALSE", false },
		{ NULL, false },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		struct cert_chain chain = {};
		struct made made;

		make(&made, "EC");
		set_names(&made, NAME("CN", "Root"), NAME("CN", "Root"));
		if (known[i].constraints)
			add_extension(&made, NID_basic_constraints, known[i].constraints);
		CHECK_EQ(cert_add(&chain, finish(&made)), 0);
		REQUIRE(chain.count == 1);
		CHECK_EQ(chain.certs[0].is_ca, known[i].is_ca);
		CHECK_EQ(chain.certs[0].san.len, 0);
		made_free(&made);
		cert_free(&chain);
	}
}

TEST(cert_every_kind_of_alternative_name)
{
	static const char wanted[] = "DNS:a.example\0IP:192.0.2.1\0IP:2001:db8::1\0URI:https://example.org/x\0"
		"email:me@example.org\0RID:1.2.3.4\0otherName:msUPN";
	struct cert_chain chain = {};
	struct made made;

	make(&made, "EC");
	add_extension(&made, NID_subject_alt_name,
		      "DNS:a.example,IP:192.0.2.1,IP:2001:db8::1,URI:https://example.org/x,"
		      "email:me@example.org,RID:1.2.3.4,otherName:msUPN;UTF8:me");
	CHECK_EQ(cert_add(&chain, finish(&made)), 0);
	REQUIRE(chain.count == 1);
	CHECK_BYTES(chain.certs[0].san.data, chain.certs[0].san.len, wanted, sizeof(wanted));
	CHECK_EQ(chain.certs[0].subject.len, 0); /* there is none */
	made_free(&made);
	cert_free(&chain);
}

/* "good.example\0.evil.example": no name may pass for two, or for another. */
TEST(cert_names_that_lie)
{
	static const char wanted[] = "DNS:good.example\\00.evil.example\0DNS:a\\0A\\1B[31m\0DNS:\\5C00\0"
		"IP:#010203";
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct cert_chain chain = {};
	struct made made;

	make(&made, "EC");
	add_general(names, GEN_DNS, "good.example\0.evil.example", 26);
	add_general(names, GEN_DNS, "a\n\033[31m", 7);
	add_general(names, GEN_DNS, "\\00", 3);
	add_general(names, GEN_IPADD, "\1\2\3", 3);
	X509_add1_ext_i2d(made.x509, NID_subject_alt_name, names, 0, 0);
	add_part(X509_get_subject_name(made.x509), "CN", V_ASN1_UTF8STRING, "a\0b\n\r\033[31m, O=\"x\\\x7f", 18);
	CHECK_EQ(cert_add(&chain, finish(&made)), 0);
	REQUIRE(chain.count == 1);
	CHECK_TEXT(chain.certs[0].subject, "CN=\"a\\00b\\0A\\0D\\1B[31m, O=\\\"x\\\\\\7F\"");
	CHECK_BYTES(chain.certs[0].san.data, chain.certs[0].san.len, wanted, sizeof(wanted));
	GENERAL_NAMES_free(names);
	made_free(&made);
	cert_free(&chain);
}

TEST(cert_strings_of_every_kind)
{
	static const struct { int type; const char *bytes; int len; const char *shown; } known[] = {
		{ V_ASN1_UTF8STRING, "M\xc3\xbcller", 7, "O=M\xc3\xbcller" },
		{ V_ASN1_PRINTABLESTRING, "plain", 5, "O=plain" },
		{ V_ASN1_IA5STRING, "ascii", 5, "O=ascii" },
		{ V_ASN1_T61STRING, "M\xfcller", 6, "O=M\xc3\xbcller" },
		{ V_ASN1_BMPSTRING, "\0M\0\xfc\x20\xac", 6, "O=M\xc3\xbc\xe2\x82\xac" },
		{ V_ASN1_UNIVERSALSTRING, "\0\0\0M\0\1\xf6\0", 8, "O=M\xf0\x9f\x98\x80" },
		{ V_ASN1_UTF8STRING, "", 0, "O=" },
		{ V_ASN1_UTF8STRING, " both ", 6, "O=\" both \"" },
		{ V_ASN1_UTF8STRING, "#a", 2, "O=\"#a\"" },
		{ V_ASN1_UTF8STRING, "a=b", 3, "O=a=b" },
		{ V_ASN1_UTF8STRING, "a+b;c<d>", 8, "O=\"a+b;c<d>\"" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		struct cert_chain chain = {};
		struct made made;

		make(&made, "EC");
		add_part(X509_get_subject_name(made.x509), "O", known[i].type, known[i].bytes, known[i].len);
		CHECK_EQ(cert_add(&chain, finish(&made)), 0);
		REQUIRE(chain.count == 1);
		CHECK_TEXT(chain.certs[0].subject, known[i].shown);
		made_free(&made);
		cert_free(&chain);
	}
}

/* What libcrypto would not put into a name. */
TEST(cert_name_that_is_no_string)
{
	struct cert_chain chain = {};
	struct made made;
	struct text der;
	char *value;

	make(&made, "EC");
	set_names(&made, NAME("O", "\1\xc2\xab"), NAME("CN", "R3"));
	der = finish(&made);
	value = memmem(der.data, der.len, "\x0c\3\1\xc2\xab", 5);
	REQUIRE(value != NULL);
	value[0] = V_ASN1_OCTET_STRING;
	CHECK_EQ(cert_add(&chain, der), 0);
	REQUIRE(chain.count == 1);
	CHECK_TEXT(chain.certs[0].subject, "O=#01C2AB");
	CHECK_TEXT(chain.certs[0].issuer, "CN=R3");
	made_free(&made);
	cert_free(&chain);
}

TEST(cert_unknown_and_joined_parts)
{
	struct cert_chain chain = {};
	X509_NAME *name;
	struct made made;

	make(&made, "EC");
	name = X509_get_subject_name(made.x509);
	add_name(name, "1.2.3.4.5", "odd");
	add_name(name, "CN", "a");
	X509_NAME_add_entry_by_txt(name, "UID", MBSTRING_UTF8, (const unsigned char *)"b", 1, -1, -1);
	CHECK_EQ(cert_add(&chain, finish(&made)), 0);
	REQUIRE(chain.count == 1);
	/* DER sorts the members of a set. */
	CHECK_TEXT(chain.certs[0].subject, "CN=a + UID=b, 1.2.3.4.5=odd");
	made_free(&made);
	cert_free(&chain);
}

TEST(cert_too_many_parts)
{
	struct cert_chain chain = {};
	char wanted[MAX_NAME_PARTS * 8] = "";
	struct made made;

	make(&made, "EC");
	for (int i = 0; i < MAX_NAME_PARTS + 9; i++)
		add_name(X509_get_subject_name(made.x509), "OU", "x");
	for (int i = 0; i < MAX_NAME_PARTS; i++)
		strcat(wanted, "OU=x, ");
	strcat(wanted, "...");
	CHECK_EQ(cert_add(&chain, finish(&made)), 0);
	REQUIRE(chain.count == 1);
	CHECK_TEXT(chain.certs[0].subject, wanted);
	made_free(&made);
	cert_free(&chain);
}

static int64_t not_after_of(const char *time, int type)
{
	struct cert_chain chain = {};
	ASN1_TIME *after;
	struct made made;
	int64_t result;

	make(&made, "EC");
	after = X509_getm_notAfter(made.x509);
	after->type = type;
	ASN1_STRING_set(after, time, -1);
	cert_add(&chain, finish(&made));
	result = chain.count == 1 && chain.certs[0].not_before == YEAR_2026 ?
		 chain.certs[0].not_after : -1;
	made_free(&made);
	cert_free(&chain);
	return result;
}

TEST(cert_times)
{
	CHECK_EQ(not_after_of("260102030405Z", V_ASN1_UTCTIME), YEAR_2026 + 86400 + 3 * 3600 + 4 * 60 + 5);
	CHECK_EQ(not_after_of("491231235959Z", V_ASN1_UTCTIME), 2524607999);
	CHECK_EQ(not_after_of("500101000000Z", V_ASN1_UTCTIME), -631152000); /* 1950 */
	CHECK_EQ(not_after_of("99991231235959Z", V_ASN1_GENERALIZEDTIME), 253402300799);
	CHECK(not_after_of("261302030405Z", V_ASN1_UTCTIME) == CERT_TIME_UNKNOWN);
	CHECK(not_after_of("260230030405Z", V_ASN1_UTCTIME) == CERT_TIME_UNKNOWN);
	CHECK(not_after_of("tomorrow", V_ASN1_UTCTIME) == CERT_TIME_UNKNOWN);
	CHECK(not_after_of("", V_ASN1_UTCTIME) == CERT_TIME_UNKNOWN);
	CHECK(not_after_of("99991231235959Z", V_ASN1_UTF8STRING) == CERT_TIME_UNKNOWN);
}

TEST(cert_many_alternative_names)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct cert_chain chain = {};
	struct made made;
	size_t count = 0;

	make(&made, "EC");
	for (int i = 0; i < 1000; i++) {
		char name[64];
		int len = snprintf(name, sizeof(name), "host-%d.example.org", i);

		add_general(names, GEN_DNS, name, len);
	}
	X509_add1_ext_i2d(made.x509, NID_subject_alt_name, names, 0, 0);
	CHECK_EQ(cert_add(&chain, finish(&made)), 0);
	REQUIRE(chain.count == 1);
	for (size_t i = 0; i < chain.certs[0].san.len; i++)
		count += chain.certs[0].san.data[i] == '\0';
	CHECK_EQ(count, 1000);
	CHECK_STR(chain.certs[0].san.data, "DNS:host-0.example.org");
	GENERAL_NAMES_free(names);
	made_free(&made);
	cert_free(&chain);
}

TEST(cert_chains_are_bounded)
{
	static char long_one[MAX_CERT + 1];
	struct cert_chain chain = {};
	struct made made;
	struct text der;

	make(&made, "EC");
	set_names(&made, NAME("CN", "x"), NAME("CN", "y"));
	der = finish(&made);
	CHECK_EQ(cert_add(&chain, (struct text){ long_one, sizeof(long_one) }), -E2BIG);
	CHECK_EQ(chain.count, 0);
	for (int i = 0; i < MAX_CERTS; i++)
		CHECK_EQ(cert_add(&chain, der), 0);
	CHECK_EQ(cert_add(&chain, der), -E2BIG);
	CHECK_EQ(chain.count, MAX_CERTS);
	CHECK_EQ(chain.refused, 2);
	for (size_t i = 0; i < chain.count; i++)
		CHECK_TEXT(chain.certs[i].subject, "CN=x");
	made_free(&made);
	cert_free(&chain);
	CHECK(chain.count == 0 && !chain.certs);
	cert_free(&chain);
}

/* Its bytes end where the memory does. */
static struct text at_the_edge(struct text der)
{
	static char *page;
	size_t size = 65536;

	if (!page) {
		page = mmap(NULL, size + 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED || mprotect(page, size, PROT_READ | PROT_WRITE))
			_exit(9);
	}
	memmove(page + size - der.len, der.data, der.len);
	return (struct text){ page + size - der.len, der.len };
}

/* What is whole in a certificate that is cut is known; nothing else is. */
TEST(cert_cut_anywhere)
{
	static const char san[] = "DNS:example.org\0IP:1.2.3.4\0DirName:CN=b, O=a";
	struct made made;
	struct text der;
	bool known = false;

	make_with_directory(&made);
	der = finish(&made);
	for (size_t len = 0; len <= der.len; len++) {
		struct cert_chain chain = {};
		struct fact_cert *cert;
		int error = cert_add(&chain, at_the_edge((struct text){ der.data, len }));

		REQUIRE(chain.count == 1);
		cert = chain.certs;
		CHECK(error == 0 || error == -EINVAL);
		CHECK(!known || error == 0); /* more never says less */
		known |= error == 0;
		if (cert->issuer.len)
			CHECK_TEXT(cert->issuer, "CN=R3");
		if (cert->subject.len)
			CHECK_TEXT(cert->subject, "CN=example.org, O=Example, C=DE");
		if (cert->san.len)
			CHECK_BYTES(cert->san.data, cert->san.len, san, sizeof(san));
		CHECK(cert->not_before == CERT_TIME_UNKNOWN || cert->not_before == YEAR_2026);
		if (len == der.len)
			CHECK(cert->san.len && cert->is_ca && cert->subject.len);
		cert_free(&chain);
	}
	made_free(&made);
}

TEST(cert_any_byte_wrong)
{
	struct made made;
	struct text der;

	make_with_directory(&made);
	der = finish(&made);
	for (size_t at = 0; at < der.len; at++)
		for (int bit = 0; bit < 9; bit++) {
			struct text changed = at_the_edge(der);
			struct cert_chain chain = {};

			((char *)changed.data)[at] ^= bit < 8 ? 1 << bit : 0xff;
			cert_add(&chain, changed);
			REQUIRE(chain.count == 1);
			for (size_t i = 0; i < chain.certs[0].subject.len; i++)
				CHECK((unsigned char)chain.certs[0].subject.data[i] >= 0x20);
			CHECK(!chain.certs[0].san.len ||
			      !chain.certs[0].san.data[chain.certs[0].san.len - 1]);
			cert_free(&chain);
		}
	made_free(&made);
}

TEST(cert_nonsense)
{
	static const char *const known[] = {
		"", "\x30", "\x30\x80", "\x30\x85\1\1\1\1\1", "not a certificate",
		"\x30\x84\xff\xff\xff\xff", "\x1f\x1f\x1f\x1f",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		struct cert_chain chain = {};

		CHECK_EQ(cert_add(&chain, at_the_edge(text_of(known[i]))), -EINVAL);
		REQUIRE(chain.count == 1);
		CHECK_EQ(chain.certs[0].subject.len + chain.certs[0].issuer.len + chain.certs[0].san.len, 0);
		CHECK(chain.certs[0].not_before == CERT_TIME_UNKNOWN);
		CHECK(chain.certs[0].not_after == CERT_TIME_UNKNOWN);
		cert_free(&chain);
	}
}

static int64_t seconds_of(const ASN1_TIME *time)
{
	int days, seconds;
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);

	ASN1_TIME_diff(&days, &seconds, epoch, time);
	ASN1_TIME_free(epoch);
	return (int64_t)days * 86400 + seconds;
}

static void compare(const char *name, X509_NAME *wanted, struct text is)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;

	X509_NAME_print_ex(bio, wanted, 0, XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_DN_REV | XN_FLAG_FN_SN |
			   ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_ESC_QUOTE |
			   ASN1_STRFLGS_UTF8_CONVERT);
	len = BIO_get_mem_data(bio, &data);
	if (is.len != (size_t)len || memcmp(is.data, data, is.len))
		test_fail(__FILE__, __LINE__, "%s: '%.*s', not '%.*s'", name, (int)is.len, is.data,
			  (int)len, data);
	BIO_free(bio);
}

/* As libcrypto's own reader has it, for each certificate of the machine. */
TEST(cert_as_libcrypto_reads_them)
{
	BIO *bio = BIO_new_file("/etc/ssl/certs/ca-certificates.crt", "r");
	X509 *x509;
	int count = 0;

	if (!bio)
		SKIP("no /etc/ssl/certs/ca-certificates.crt");
	while ((x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		struct cert_chain chain = {};
		unsigned char *der = NULL;
		int len = i2d_X509(x509, &der);

		CHECK_EQ(cert_add(&chain, (struct text){ (char *)der, (size_t)len }), 0);
		REQUIRE(chain.count == 1);
		compare("subject", X509_get_subject_name(x509), chain.certs[0].subject);
		compare("issuer", X509_get_issuer_name(x509), chain.certs[0].issuer);
		CHECK_EQ(chain.certs[0].not_before, seconds_of(X509_get0_notBefore(x509)));
		CHECK_EQ(chain.certs[0].not_after, seconds_of(X509_get0_notAfter(x509)));
		CHECK_EQ(chain.certs[0].is_ca, (X509_get_extension_flags(x509) & EXFLAG_CA) != 0);
		OPENSSL_free(der);
		X509_free(x509);
		cert_free(&chain);
		count++;
	}
	BIO_free(bio);
	CHECK(count > 0);
}

TEST_MAIN()
