/* Endpoints of a socket of this family, added through its id. */
#ifndef LEAT_SP_ATTACH_H
#define LEAT_SP_ATTACH_H

#include <leat/plugin/option.h>
#include <leat/plugin/transport.h>

#include <nng/nng.h>

/* How long a dialler waits before it tries again: at first, and at most. nng draws each wait evenly from 0 to that bound. */
struct sp_reconnect {
    int64_t min_ns, max_ns;
};

/* Rows of an options struct whose member `reconnect` is a struct sp_reconnect. */
#define SP_RECONNECT_ROWS(structure)                                                                                   \
    LEAT_OPTION_RANGE(structure, reconnect.min_ns, "reconnect_min", LEAT_OPTION_DURATION, "100ms", 1000000,            \
                      INT64_C(3600000000000),                                                                          \
                      "When dialling: the longest wait before the first new try. Each wait is drawn at random from 0 " \
                      "to its bound, which doubles with every try that fails."),                                       \
        LEAT_OPTION_RANGE(structure, reconnect.max_ns, "reconnect_max", LEAT_OPTION_DURATION, "1s", 1000000,           \
                          INT64_C(3600000000000), "When dialling: where that bound stops doubling.")

/* An endpoint about to start, and what this transport knows about it. */
struct sp_attach {
    nng_socket socket;
    const struct leat_endpoint *endpoint;
    const char *url; /* what nng gets; NULL: the endpoint's */
    const struct sp_reconnect *reconnect;
    int (*tune_listener)(nng_listener listener, const void *options); /* sets options; 0 or nng's code; may be NULL */
    int (*tune_dialer)(nng_dialer dialer, const void *options);
    const char *in_use; /* what to say when the address is taken */
    char *explain;
    size_t explain_size;
};

/* Starts listening. 0 or a negative errno with a sentence in `explain`. */
int32_t sp_listen(const struct sp_attach *attach, nng_listener *listener);

/* Starts dialling in the background, for ever. */
int32_t sp_dial(const struct sp_attach *attach);

/* Either, as the endpoint says. The log says which port it became where any free one was asked for. */
int32_t sp_attach(const struct sp_attach *attach, const struct leat_host *host);

/* Blames reconnect_max when it is below reconnect_min. 0 or -EINVAL. */
int32_t sp_check_reconnect(const struct leat_host *host, const struct sp_reconnect *reconnect);

#endif
