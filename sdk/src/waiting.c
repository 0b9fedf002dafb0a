/* How a reader waits: look again at once, spin for about the cost of a wake-up, then park on the channel's futex. */
#include "reader.h"
#include "recover.h"
#include "test_point.h"
#include "wake.h"

#define BURST_PAUSES 30 /* once after a burst ran dry: leaves the writer the line that it writes */
#define LOOKS_PER_CLOCK 32
#define IDLE_LOOKS 256             /* after so many in vain it is asked whether anything can come at all */
#define STEPS_PER_CLOCK 1024       /* records skipped before the deadline is looked at */
#define SLICE_NS (100 * NS_PER_MS) /* a writer that was killed between stamp and wake wakes nobody */
#define SUSPECT_NS NS_PER_MS       /* how long a claim is believed in before its owner's lease is tested */
#define SUSPECT_SLICE_MAX_NS (16 * NS_PER_MS)
#define POLL_NAP_MIN_NS INT64_C(20000) /* of a reader that may not write the wake word */
#define POLL_NAP_MAX_NS NS_PER_MS

/* Over one record that is nobody's message. */
static void step_over(struct leat_reader *reader, const struct view *view)
{
    reader_account(reader, view->sequence);
    reader->next = (struct place){reader->next.position + view->span, view->sequence + 1};
}

/* Nothing valid here although the tail lies behind it: no correct writer does that. */
static bool is_stranded(const struct leat_reader *reader)
{
    struct control *control = reader->ring.control;
    struct place tail;
    struct view view;
    uint64_t rollbacks = atomic_load_explicit(&control->rollbacks, memory_order_acquire);
    if (!cursor_load(&control->tail, &tail))
        return true;
    if (tail.position <= reader->next.position || reader_look(reader, &view) != LOOK_EMPTY)
        return false;
    /* Or the claim that was here has just been given back: rollback.1 in many.c. */
    return atomic_load_explicit(&control->rollbacks, memory_order_acquire) == rollbacks;
}

/* At a claimed record: has it been so for a while, and is its owner dead? Then it is nobody's message. */
static void unstick(struct leat_reader *reader)
{
    int64_t now = clock_monotonic_ns();
    if (reader->suspect != reader->next.position) {
        reader->suspect = reader->next.position;
        reader->suspect_since = now;
    }
    if (now - reader->suspect_since < SUSPECT_NS)
        return;
    reader->suspect_since = now;
    struct view view;
    if (!claim_is_dead(reader->segment, reader->next.position, &view))
        return;
    if (reader->segment->writable)
        make_dead_claim_void(reader->segment, reader->next.position, &view);
    else if (view_is_sane(&reader->ring, &view))
        step_over(reader, &view);
}

/* Looked in vain: is it worth looking again? 0: yes. */
static int ponder(struct leat_reader *reader, enum look seen)
{
    reader->idle++;
    if (segment_is_removed(reader->segment)) {
        struct view view; /* what was published before the removal is still handed out */
        enum look last = reader_look(reader, &view);
        return last == LOOK_EMPTY || last == LOOK_CLAIMED ? LEAT_ECLOSED : 0;
    }
    if (seen == LOOK_CLAIMED) {
        unstick(reader);
        return 0;
    }
    if (reader->idle % IDLE_LOOKS != 0 || !is_stranded(reader))
        return 0;
    reader_resume(reader, true);
    return LEAT_ECORRUPT;
}

/* Polls for spin_ns, or what is left. true: something has changed. */
static bool spin(struct leat_reader *reader, struct deadline *deadline, enum look seen)
{
    struct view view;
    int64_t left = deadline_left(deadline, reader->spin_ns), end = left > 0 ? clock_monotonic_ns() + left : 0;
    while (left > 0) {
        for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
            if (reader_look(reader, &view) != seen)
                return true;
            cpu_pause(1);
        }
        left = end - clock_monotonic_ns();
    }
    return false;
}

static int64_t slice_for(struct leat_reader *reader, enum look seen, int64_t *slice)
{
    int64_t now = *slice, most = seen == LOOK_CLAIMED ? SUSPECT_SLICE_MAX_NS : SLICE_NS;
    if (!reader->segment->writable)
        most = POLL_NAP_MAX_NS;
    *slice = now * 2 < most ? now * 2 : most;
    return now < most ? now : most;
}

/* Sleeps until woken or for one slice. The slice is long only where a wake-up is certain to come or nothing is. */
static int park(struct leat_reader *reader, struct deadline *deadline, enum look seen, int64_t *slice)
{
    struct view view;
    _Atomic uint32_t *wake = &reader->ring.control->wake;
    bool writable = reader->segment->writable;
    uint32_t word = writable ? wake_prepare(wake) : 0;
    if (reader_look(reader, &view) != seen || segment_is_removed(reader->segment))
        return 0;
    if (seen == LOOK_EMPTY && is_stranded(reader)) {
        reader_resume(reader, true);
        return LEAT_ECORRUPT;
    }
    int64_t left = deadline_left(deadline, slice_for(reader, seen, slice));
    if (left <= 0)
        return deadline_error(deadline);
    reader->stats.sleeps++;
    TEST_POINT("reader:parks");
    if (writable) {
        wake_wait(wake, word, left);
    } else {
        struct timespec nap = clock_timespec(left);
        nanosleep(&nap, NULL);
    }
    return 0;
}

/* One step of waiting at an empty or claimed place. 0: look again. */
static int wait_once(struct leat_reader *reader, struct deadline *deadline, enum look seen, int64_t *slice)
{
    if (reader->run > 1) { /* single messages are answered at once: latency is theirs */
        reader->run = 0;
        cpu_pause(BURST_PAUSES);
        return 0;
    }
    reader->run = 0;
    reader_store(reader); /* it ran dry: writers may have everything */
    int rc = ponder(reader, seen);
    if (rc != 0)
        return rc;
    if (deadline->timeout_ns == 0) {
        struct view view;
        return reader_look(reader, &view) == seen ? LEAT_EAGAIN : 0;
    }
    if (*slice == 0) {
        *slice = seen == LOOK_CLAIMED ? SUSPECT_NS : reader->segment->writable ? SLICE_NS : POLL_NAP_MIN_NS;
        if (spin(reader, deadline, seen)) {
            *slice = 0; /* many producers' messages show as claims first: worth a spin of their own */
            return 0;
        }
    }
    return park(reader, deadline, seen, slice);
}

/* Something makes up records, or a frontier, faster than we can follow. */
static int too_many_steps(struct deadline *deadline, enum look seen)
{
    if (seen == LOOK_LAPPED)
        return LEAT_ECORRUPT;
    return deadline_left(deadline, 1) > 0 ? 0 : deadline_error(deadline);
}

int reader_wait(struct leat_reader *reader, struct view *view, enum look seen, struct deadline *deadline)
{
    int64_t slice = 0;
    for (unsigned steps = 1;; steps++, seen = reader_look(reader, view)) {
        int rc = 0;
        if (seen == LOOK_FOUND) {
            reader->idle = 0;
            return 0;
        }
        if (seen == LOOK_VOID) {
            step_over(reader, view);
        } else if (seen == LOOK_LAPPED) {
            reader_resume(reader, false);
        } else if (seen == LOOK_CORRUPT) {
            reader_resume(reader, true);
            return LEAT_ECORRUPT;
        } else {
            rc = wait_once(reader, deadline, seen, &slice);
        }
        if (rc == 0 && steps % STEPS_PER_CLOCK == 0)
            rc = too_many_steps(deadline, seen);
        if (rc != 0)
            return rc;
    }
}
