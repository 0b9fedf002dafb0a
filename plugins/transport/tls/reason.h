/* OpenSSL's errors as sentences. */
#ifndef LEAT_TLS_REASON_H
#define LEAT_TLS_REASON_H

#include <openssl/ssl.h>
#include <stddef.h>

/* The oldest error of this thread's queue: it is the cause, the others follow from it. The queue is empty afterwards. */
void tls_reason_of_queue(char *text, size_t size);

/* Why a connection failed, from this thread's queue, which is empty afterwards, and from what became of the peer's
 * certificate. */
void tls_reason_of_connection(SSL *ssl, char *text, size_t size);

#endif
