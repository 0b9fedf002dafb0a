/* What the stress and fault programs share: a channel of their own, messages whose length and bytes follow from their tag, and
 * a witness that checks everything a reader is promised.
 *
 * A tag is the writer's number and its counter. Therefore a reader needs no shared memory to tell a lost, doubled, reordered or
 * damaged message from a right one, and messages of 0 bytes are checked like any other. */
#ifndef TESTS_SUPPORT_TRIAL_H
#define TESTS_SUPPORT_TRIAL_H

#include <leat/channel.h>

#include <stdbool.h>
#include <stdint.h>

#define TRIAL_WRITERS 1024
#define TRIAL_MS INT64_C(1000000)
#define TRIAL_S INT64_C(1000000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define TRIAL_SLOW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define TRIAL_SLOW 1
#endif
#endif
#ifndef TRIAL_SLOW
#define TRIAL_SLOW 0
#endif

/* Says what was wrong, where, and ends the process with status 1. */
#define trial_check(condition, ...)                                  \
    do {                                                             \
        if (!(condition))                                            \
            trial_fail(__FILE__, __LINE__, #condition, __VA_ARGS__); \
    } while (0)
_Noreturn void trial_fail(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Calls it when this process, not a child of it, ends by itself: also by trial_fail. One of them. */
void trial_at_end(void (*at_end)(void));

/* The name of a channel that nobody else has; it is removed when this process exits. At most one at a time. */
const char *trial_channel(const char *what);

int64_t trial_now_ns(void);
uint64_t trial_random(uint64_t *state); /* splitmix64 */
void trial_nap_us(long us);             /* a pause in which others run: never what a verdict waits for */

/* ---- messages ---- */

uint64_t trial_tag(unsigned writer, uint64_t counter);
unsigned trial_tag_writer(uint64_t tag);
uint64_t trial_tag_counter(uint64_t tag);

/* The length of that message: most are small; none is longer than `largest`, and some are exactly that. */
size_t trial_len(uint64_t tag, size_t largest);
void trial_fill(void *data, size_t len, uint64_t tag);
/* Whether these are the bytes of that message. Under overwrite policy they may change meanwhile. */
bool trial_matches(const void *data, size_t len, uint64_t tag);

/* ---- a reader's witness ---- */

struct trial_witness {
    size_t largest;  /* as given to trial_len() by the writers */
    bool complete;   /* block policy: no writer's counter may have a gap */
    bool from_start; /* it was there before the first message */
    bool started;
    uint64_t next_sequence; /* what comes if nothing is lost and nothing was aborted */
    uint64_t read, lost;
    uint64_t voids;   /* sequence numbers that neither came nor were lost: aborted messages */
    uint64_t skipped; /* gaps in the writers' counters */
    uint64_t next_counter[TRIAL_WRITERS];
};

/* Judges a message that the channel vouches for: after leat_read, or after leat_release returned 0. `intact` is what
 * trial_matches said while it was readable. */
void trial_witness_see(struct trial_witness *witness, const struct leat_message *message, bool intact);

/* leat_read or leat_borrow into the witness; `how` picks the way. What the call said; 0: a message was judged. */
enum trial_way { TRIAL_READ, TRIAL_BORROW };
int trial_witness_take(struct trial_witness *witness, struct leat_reader *reader, enum trial_way how, void *buffer,
                       size_t size, int64_t timeout_ns);

#endif
