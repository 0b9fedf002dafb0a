/* What the C peer was told on its command line, and its one endpoint. Failures end the program with a sentence. */
#ifndef LEAT_INTEROP_LIBNNG_ENDPOINT_H
#define LEAT_INTEROP_LIBNNG_ENDPOINT_H

#include <nng/nng.h>

#include <stdbool.h>

struct told {
    const char *role, *url, *topic, *name;
    const char *cert, *ca, *server_name; /* NULL: none */
    bool listen;
};

struct told told(int argc, char **argv);

/* Listens, or dials in the background. */
void start_endpoint(nng_socket socket, const struct told *told);

void die(const char *what, const char *why) __attribute__((noreturn));
void must(const char *what, int code);

#endif
