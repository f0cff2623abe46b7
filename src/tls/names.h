/* Numbers of TLS as words. NULL: not known here. */
#ifndef GLASSTAP_TLS_NAMES_H
#define GLASSTAP_TLS_NAMES_H

#include <stdint.h>

const char *names_cipher(uint16_t id);         /* "TLS_AES_128_GCM_SHA256", as IANA has it */
const char *names_version(uint16_t version);   /* "TLS 1.3" */
const char *names_group(uint16_t id);          /* "X25519" */
const char *names_alert(uint8_t description);  /* "unknown certificate authority" */

#endif
