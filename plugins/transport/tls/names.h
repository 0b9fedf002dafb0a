/* The names in a certificate: its subject's common name (CN) and its subject alternative names (SAN). */
#ifndef LEAT_TLS_NAMES_H
#define LEAT_TLS_NAMES_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* Calls `each` with every name as text, the common name first, until it returns true; returns whether one did. Names that hold
 * a NUL or anything unprintable are left out: they are made to be mistaken for others. */
bool tls_names_each(X509 *certificate, bool (*each)(const char *name, bool common, void *user), void *user);

/* Whether the certificate has one of these names, NULL-terminated; letters in either case are the same. */
bool tls_names_match(X509 *certificate, const char *const *wanted);

/* The common name, or else the first alternative name, or else "". */
void tls_names_first(X509 *certificate, char *text, size_t size);

#endif
