/* Certificates and keys from PEM files, with a complaint for whatever is wrong in them. */
#ifndef LEAT_TLS_PEM_H
#define LEAT_TLS_PEM_H

#include "tls/complaint.h"

#include <openssl/x509.h>

/* The file's text, or NULL after a complaint about `option`. The caller cleanses and frees it with tls_pem_free. */
char *tls_pem_read(const char *path, const char *option, struct tls_complaints *complaints);
void tls_pem_free(char *text);

/* All certificates in the text, in order. NULL, after a complaint, when there is none or one is broken. */
STACK_OF(X509) * tls_pem_certificates(const char *text, const char *option, struct tls_complaints *complaints);

/* The first private key in the text. `password` may be NULL. NULL after a complaint. */
EVP_PKEY *tls_pem_key(const char *text, const char *password, const char *option, struct tls_complaints *complaints);

#endif
