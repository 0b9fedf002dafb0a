/* Waiting on many readers at once: look at all, spin for about the cost of a wake-up, then park on all their futexes. */
#include "reader.h"
#include "wake.h"

#include <time.h>

#define LOOKS_PER_CLOCK 32
#define SLICE_NS (100 * NS_PER_MS) /* a writer that was killed between stamp and wake wakes nobody */
#define CLAIMED_SLICE_NS NS_PER_MS /* a claim's owner may be dead: reader_look's CLAIMED is looked at again soon */

struct crowd {
    struct leat_reader *const *readers;
    size_t count;
    _Atomic uint32_t *doorbell; /* or NULL */
    bool claimed;               /* one of them stands at a claim */
    bool can_sleep;             /* all have a futex that we may announce ourselves at, and the kernel takes so many */
};

static bool is_ready(struct crowd *crowd, struct leat_reader *reader)
{
    struct view view;
    enum look seen = reader_look(reader, &view);
    if (seen == LOOK_FOUND || seen == LOOK_LAPPED || seen == LOOK_CORRUPT)
        return true;
    crowd->claimed |= seen == LOOK_CLAIMED;
    struct deadline no_wait = deadline_in(0);
    return reader_wait(reader, &view, seen, &no_wait) != LEAT_EAGAIN;
}

/* The index of the first that is ready, or LEAT_EAGAIN. */
static int first_ready(struct crowd *crowd)
{
    crowd->claimed = false;
    for (size_t i = 0; i < crowd->count; i++)
        if (is_ready(crowd, crowd->readers[i]))
            return (int)i;
    return LEAT_EAGAIN;
}

static bool has_rung(const struct crowd *crowd)
{
    return crowd->doorbell != NULL && atomic_load_explicit(crowd->doorbell, memory_order_relaxed) != 0 &&
           atomic_exchange(crowd->doorbell, 0) != 0;
}

static bool anything_new(const struct crowd *crowd)
{
    struct view view;
    for (size_t i = 0; i < crowd->count; i++) {
        enum look seen = reader_look(crowd->readers[i], &view);
        if (seen != LOOK_EMPTY && seen != LOOK_CLAIMED)
            return true;
    }
    return crowd->doorbell != NULL && atomic_load_explicit(crowd->doorbell, memory_order_relaxed) != 0;
}

/* As long as the most patient of them; true: something has changed. */
static bool spin(const struct crowd *crowd, struct deadline *deadline)
{
    int64_t most = 0;
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->readers[i]->spin_ns > most)
            most = crowd->readers[i]->spin_ns;
    int64_t left = deadline_left(deadline, most), end = left > 0 ? clock_monotonic_ns() + left : 0;
    for (; left > 0; left = end - clock_monotonic_ns())
        for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
            if (anything_new(crowd))
                return true;
            cpu_pause(1);
        }
    return false;
}

/* 0 or -EINTR. */
static int nap(int64_t time_ns)
{
    struct timespec time = clock_timespec(time_ns < NS_PER_MS ? time_ns : NS_PER_MS);
    return nanosleep(&time, NULL) == 0 ? 0 : -EINTR;
}

/* Announced at every word, all are looked at once more. Sleeps for `time_ns` at most. 0 or -EINTR. */
static int sleep_at_all(struct crowd *crowd, int64_t time_ns)
{
    struct wake_word words[WAKE_WORDS_MAX];
    unsigned used = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        _Atomic uint32_t *word = &crowd->readers[i]->ring.control->wake;
        words[used++] = (struct wake_word){word, wake_announce(word)};
    }
    wake_order();
    if (crowd->doorbell != NULL)
        words[used++] = (struct wake_word){crowd->doorbell, 0};
    if (first_ready(crowd) != LEAT_EAGAIN)
        return 0;
    for (size_t i = 0; i < crowd->count; i++)
        crowd->readers[i]->stats.sleeps++;
    int rc = wake_wait_any(words, used, time_ns);
    crowd->can_sleep = rc != -ENOSYS;
    return rc == -EINTR ? rc : 0;
}

static int park(struct crowd *crowd, struct deadline *deadline)
{
    int64_t left = deadline_left(deadline, crowd->claimed ? CLAIMED_SLICE_NS : SLICE_NS);
    if (left <= 0)
        return deadline_error(deadline);
    return crowd->can_sleep ? sleep_at_all(crowd, left) : nap(left);
}

static int wait_for(struct crowd *crowd, struct deadline *deadline)
{
    for (bool spun = false;; spun = true) {
        int rc = first_ready(crowd);
        if (rc != LEAT_EAGAIN)
            return rc;
        if (has_rung(crowd))
            return -EINTR;
        if (!spun && deadline->timeout_ns != 0 && spin(crowd, deadline))
            continue;
        rc = deadline->timeout_ns == 0 ? LEAT_EAGAIN : park(crowd, deadline);
        if (rc != 0)
            return rc;
    }
}

int leat_wait(struct leat_reader *const *readers, size_t count, uint32_t *doorbell, int64_t timeout_ns)
{
    struct crowd crowd = {readers, count, (_Atomic uint32_t *)doorbell, false, count < WAKE_WORDS_MAX};
    if ((count == 0 && doorbell == NULL) || count > INT32_MAX)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (readers[i]->is_lent)
            return -EBUSY;
        crowd.can_sleep &= readers[i]->segment->writable;
    }
    struct deadline deadline = deadline_in(timeout_ns);
    return wait_for(&crowd, &deadline);
}

void leat_wake(uint32_t *doorbell)
{
    wake_ring((_Atomic uint32_t *)doorbell);
}
