/* The plugin's reference page. */
#ifndef LEAT_TLS_REFERENCE_H
#define LEAT_TLS_REFERENCE_H

extern const char tls_reference[];

#endif
