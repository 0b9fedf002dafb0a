/* The ways in which a bridge can use a plugin, numbered, so that what holds for every kind is tested once:
 *
 *     channel      reading, writing
 *     pattern      each direction that it has, with one channel and with three
 *     transport    listening, dialling
 */
#ifndef SDK_TESTKIT_WAYS_H
#define SDK_TESTKIT_WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a kind says about its ways; `way` is below `count()`. */
struct ways {
    unsigned (*count)(void);
    const char *(*name)(unsigned way);
    bool (*has_check)(void);
    int32_t (*check)(unsigned way, const void *values);
    void (*prepare)(unsigned way);                      /* makes what a start needs to succeed; once in a process */
    int32_t (*start)(unsigned way, const void *values); /* starts, and stops at once when that worked */
    void (*cycle)(unsigned way, const void *values);    /* what is done a thousand times: a start, mostly */
};
extern const struct ways channel_ways, pattern_ways, transport_ways;

/* Those of the plugin under test. */
const struct ways *ways(void);

/* Asks check() and judges the answer: 0 and no blame, or -EINVAL after one. 0 where there is no check(). */
int32_t ways_check(unsigned way, const void *values);

/* The first way, from `from` on, that check() accepts with these options; count() when there is none. */
unsigned ways_accepted(unsigned from, const void *values);

/* ---- what the ways of each kind are made of, for its own tests ------------------------------------------------------- */

struct leat_bridge_view;

const char *channel_where(void);
const struct leat_bridge_view *pattern_view(unsigned way);
/* An address for this test: the same one every time for a `number` below TRANSPORT_URLS, another for each. Skips the test when none is
 * known. `scheme` counts those that the plugin serves; the second call is for the first of them. */
#define TRANSPORT_URLS 4
const char *transport_url_of(unsigned scheme, unsigned number);
const char *transport_url(unsigned number);
/* The name of a scheme; false past the last. */
bool transport_scheme(unsigned scheme, char *text, size_t size);
/* Whether sockets listen themselves: not where something else does (--dial). */
bool transport_listens(void);

#endif
