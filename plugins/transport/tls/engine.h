/* OpenSSL 3 as nng's TLS engine, through nng's public engine interface: version 1 in nng 1.5 to 1.8, 2 from 1.9.
 *
 *     plugin -> tls_engine_config -> nng_tls_config -> endpoint -> nng -> engine -> OpenSSL -> nng's buffers -> TCP
 *
 * It replaces the engine that nng was built with, for the whole process. */
#ifndef LEAT_TLS_ENGINE_H
#define LEAT_TLS_ENGINE_H

#include "tls/context.h"

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

/* Makes it nng's engine. 0, or nng's code; any thread, any number of times. Before any endpoint with TLS exists. */
int tls_engine_start(void);

/* nng's configuration for the context, which it holds. 0, or nng's code. */
int tls_engine_config(nng_tls_config **config, struct tls_context *context);

#endif
