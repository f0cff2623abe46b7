/* Any bytes as every handshake message: what is accepted lies within them. */
#include "../unit/hello_check.h"
#include "../unit/hello_messages.h"
#include "fuzz.h"

/* The first two bytes choose a cipher suite. Where the rest are messages with
 * their heads, each is a body too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text body = { (const char *)data + 2, size - 2 };
	struct hello_message message;
	uint16_t cipher;

	if (size < 2)
		return 0;
	cipher = (uint16_t)(data[0] << 8 | data[1]);
	FUZZ_ASSERT(hello_check_all(body, cipher));
	while (hello_next(&body, &message) == 1) {
		FUZZ_ASSERT(message.whole.data + message.whole.len == body.data);
		FUZZ_ASSERT(message.body.len + HELLO_HEAD == message.whole.len);
		FUZZ_ASSERT(hello_check_all(message.body, cipher));
	}
	return 0;
}

size_t fuzz_seed(uint64_t number, uint8_t *data, size_t room)
{
	struct message inside = make_certificates(true);
	struct message messages[] = {
		make_client(NULL), make_server(NULL), make_extensions(), make_certificates(false),
		inside, make_compressed(&inside, inside.len),
	};
	const struct message *one = &messages[number % 6];
	size_t len = 2;

	if (room < 2 + sizeof(one->bytes))
		return 0;
	data[0] = 0xc0;
	data[1] = number & 8 ? 0x35 : 0x2f;
	if (number & 1) {
		data[len++] = HELLO_CLIENT;
		data[len++] = 0;
		data[len++] = (uint8_t)(one->len >> 8);
		data[len++] = (uint8_t)one->len;
	}
	memcpy(data + len, one->bytes, one->len);
	return len + one->len;
}
