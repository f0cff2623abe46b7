/* TLS as JSON lines. */
#include "out/json_parts.h"

static void add_seconds(struct buf *out, const char *key, int64_t seconds)
{
	char time[32], *to;
	int64_t day = out_day(seconds);

	if (!out_has_date(seconds)) /* unknown */
		return;
	to = out_date(time, day);
	*to++ = 'T';
	to = out_time_of_day(to, (uint32_t)(seconds - day * 86400));
	*to++ = 'Z';
	buf_string(out, key);
	buf_char(out, '"');
	buf_add(out, time, (size_t)(to - time));
	buf_char(out, '"');
}

static void add_cert(struct buf *out, const struct fact_cert *cert)
{
	buf_literal(out, "{\"is_ca\":");
	buf_string(out, cert->is_ca ? "true" : "false");
	if (cert->subject.len)
		add_bytes_member(out, "subject", cert->subject);
	if (cert->issuer.len)
		add_bytes_member(out, "issuer", cert->issuer);
	add_seconds(out, ",\"not_before\":", cert->not_before);
	add_seconds(out, ",\"not_after\":", cert->not_after);
	if (cert->san.len)
		json_list(out, "san", cert->san);
	buf_char(out, '}');
}

static void add_certs(struct buf *out, const char *key, const struct fact_cert *certs, size_t count)
{
	if (!count)
		return;
	buf_string(out, key);
	for (size_t i = 0; i < count; i++) {
		buf_char(out, i ? ',' : '[');
		add_cert(out, &certs[i]);
	}
	buf_char(out, ']');
}

static const char *const moments[] = {
	[TLS_HANDSHAKE] = "handshake", [TLS_ALERT] = "alert", [TLS_UNSEEN] = "unseen"
};

void json_tls(struct buf *out, const struct fact *fact)
{
	const struct fact_tls *tls = &fact->tls;

	json_conn(out, fact->conn);
	add_word_member(out, ",\"moment\":", moments[tls->moment]);
	if (tls->client_dir_known)
		add_word_member(out, ",\"role\":", tls->client_dir == DIR_OUT ? "client" : "server");
	if (tls->sni.len)
		add_bytes_member(out, "sni", tls->sni);
	if (tls->version)
		add_word_member(out, ",\"version\":", tls->version);
	if (tls->cipher)
		add_word_member(out, ",\"cipher\":", tls->cipher);
	if (tls->alpn.len)
		add_bytes_member(out, "alpn", tls->alpn);
	if (tls->resumed >= 0 && tls->moment == TLS_HANDSHAKE)
		buf_text(out, tls->resumed ? TEXT(",\"resumed\":true") : TEXT(",\"resumed\":false"));
	if (tls->early_data)
		buf_literal(out, ",\"early_data\":true");
	if (tls->hello_retry)
		buf_literal(out, ",\"hello_retry\":true");
	add_ms_member(out, ",\"handshake_ms\":", tls->duration);
	add_certs(out, ",\"certs\":", tls->certs, tls->cert_count);
	add_certs(out, ",\"client_certs\":", tls->client_certs, tls->client_cert_count);
	if (tls->via)
		add_word_member(out, ",\"via\":", tls->via);
	if (tls->error.len)
		add_bytes_member(out, "error", tls->error);
	json_sides(out, fact->conn, TEXT(""));
	json_transport(out, fact->conn);
}

void json_plaintext(struct buf *out, const struct fact *fact)
{
	const struct fact_plaintext *plaintext = &fact->plaintext;

	json_conn(out, fact->conn);
	json_dir(out, plaintext->dir);
	add_uint_member(out, ",\"offset\":", plaintext->offset);
	add_uint_member(out, ",\"len\":", plaintext->len);
	if (plaintext->data.len || !plaintext->len)
		add_bytes_member(out, "data", plaintext->data);
	if (plaintext->data.len < plaintext->len || plaintext->gap)
		buf_literal(out, ",\"truncated\":true");
	if (plaintext->gap)
		add_word_member(out, ",\"gap\":", plaintext->gap);
	if (plaintext->via)
		add_word_member(out, ",\"via\":", plaintext->via);
	json_sides(out, fact->conn, TEXT(""));
	json_transport(out, fact->conn);
}
