/* When a certificate is valid. */
#ifndef LEAT_TLS_VALIDITY_H
#define LEAT_TLS_VALIDITY_H

#include "tls/complaint.h"

#include <openssl/x509.h>
#include <stdint.h>

/* Complains about this end's own certificate, which came from `option`, when it is not valid now; doubts it when it expires
 * within a month. `what` stands before the sentence: "the certificate", "certificate 2 of it". */
void tls_validity_check(X509 *certificate, const char *option, const char *what, struct tls_complaints *complaints);

/* When it expires: CLOCK_REALTIME, ns; 0: no certificate. */
int64_t tls_validity_until_ns(const X509 *certificate);

/* Doubts each authority that has expired or soon will; complains when none is left. */
void tls_validity_check_authorities(STACK_OF(X509) * authorities, const char *option,
                                    struct tls_complaints *complaints);

#endif
