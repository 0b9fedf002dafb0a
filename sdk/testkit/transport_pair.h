/* Two sockets that are joined: the first listens and sends, the second dials and receives. Where something else listens, both dial. */
#ifndef SDK_TESTKIT_TRANSPORT_PAIR_H
#define SDK_TESTKIT_TRANSPORT_PAIR_H

#include "transport_calls.h"

struct pair_roles {
    uint32_t first, second;
    bool waits; /* a send waits for a peer and for room; else the engine drops what does not fit */
};

struct pair {
    const struct pair_roles *roles;
    struct socket first, second;
};

/* All pairs of roles that belong together, ended by {0}. */
extern const struct pair_roles pair_all[];

/* The first pair that the transport supports, those that wait before those that drop. */
const struct pair_roles *pair_any(void);
/* One that waits; skips the test where there is none. */
const struct pair_roles *pair_that_waits(void);
/* -ENOTSUP when it does not have both. */
int32_t pair_supported(const struct pair_roles *roles);

/* Whether --url or --dial says where; else every scheme has an address. */
bool pair_url_is_given(void);

/* Skips the test when the transport does not listen at all (-ENOTSUP); fails it with the explanation otherwise. */
void pair_judge_listening(int32_t error, const char *explain);

void pair_open(struct pair *pair, const struct pair_roles *roles);
void pair_connect(struct pair *pair, const char *url);
/* So many messages, each sent when the one before has arrived. */
void pair_lockstep(struct pair *pair, uint64_t count);
void pair_close(struct pair *pair);

#endif
