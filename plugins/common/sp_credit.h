/* How much a pipe may still be given before nng would drop something: its queue inside nng is short, and what does not fit is
 * thrown away without a word.
 *
 * Where nng counts what a pipe has written (tcp, ipc, tls), what is still inside is known exactly. Where it does not (ws, inproc)
 * a pipe is believed to empty its queue within SP_CREDIT_DRAIN_NS and to take SP_CREDIT_BYTES_PER_S. So there a respondent answers
 * one survey 133 times a second, a bus or a surveyor says 933 messages a second, a replier answers one peer 4266 times, after a
 * burst that fits into the queue; a peer that is slower loses messages unseen. */
#ifndef LEAT_SP_CREDIT_H
#define LEAT_SP_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#define SP_CREDIT_WINDOW_MAX 64u
#define SP_CREDIT_DRAIN_NS INT64_C(15000000)
#define SP_CREDIT_BYTES_PER_S INT64_C(100000000)

struct sp_credit {
    bool counted; /* nng counts */
    bool slow;    /* it was waited for in vain; until half of its window is free again */
    uint32_t window;
    uint64_t byte_limit;
    uint64_t given, written;              /* messages, over the pipe's life */
    uint64_t bytes;                       /* given and not written */
    uint64_t sizes[SP_CREDIT_WINDOW_MAX]; /* of those, by number modulo */
    int64_t free_ns;                      /* not counted: when all that it was given is believed to be written */
};

/* At most `window` messages, and no further one once they have `byte_limit` bytes. */
void sp_credit_init(struct sp_credit *credit, bool counted, uint32_t window, uint64_t byte_limit);

bool sp_credit_has(const struct sp_credit *credit, int64_t now_ns);

/* A message is given. Without credit it is not accounted for: nng takes it or drops it. */
void sp_credit_give(struct sp_credit *credit, uint64_t bytes, int64_t now_ns);

/* nng has counted so many messages. */
void sp_credit_count(struct sp_credit *credit, uint64_t written);

#endif
