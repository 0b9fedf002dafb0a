/* What a leat_reader is. reader.c opens and closes it, waiting.c waits for a message, borrow.c hands it out. */
#ifndef LEAT_READER_H
#define LEAT_READER_H

#include "clock.h"
#include "record.h"
#include "segment.h"

struct leat_reader {
    struct ring ring;
    struct place next; /* the next record, and its sequence number if none is lost                              */
    uint64_t lost;     /* found out since the last message that was handed out whole                             */
    uint64_t unsaid;   /* the number of the first message whose fate its user has not been told                    */
    uint64_t stored;   /* position last stored in the slot                                                       */
    struct view lent;
    bool is_lent;
    bool eager;  /* stores its position after each message: it is durable                                 */
    bool manual; /* stores it only when told to                                                            */
    bool fences;
    uint32_t run;     /* messages found one after the other without waiting                                     */
    uint32_t laps;    /* times in a row that it was lapped without getting a message                             */
    uint32_t idle;    /* looks in vain in a row                                                                  */
    uint64_t suspect; /* a claimed record that was met, and since when                                          */
    int64_t suspect_since;
    int64_t spin_ns;
    struct reader_slot *self; /* NULL: not registered                                                              */
    uint32_t slot;
    _Atomic uint64_t acknowledged; /* by leat_reader_acknowledge                                                  */
    uint64_t handed;               /* behind the last message that was handed out                                  */
    struct leat_reader_counts stats;
    struct segment *segment;
};

enum look { LOOK_FOUND, LOOK_EMPTY, LOOK_CLAIMED, LOOK_VOID, LOOK_LAPPED, LOOK_CORRUPT };

/* What lies at the reader's position; *view is filled when it is a record that is whole. */
static inline enum look reader_look(const struct leat_reader *reader, struct view *view)
{
    const struct ring *ring = &reader->ring;
    uint64_t position = reader->next.position, state = record_state(ring, position);
    if (likely(state == RECORD_COMMITTED || state == RECORD_VOID)) {
        *view = record_read(ring, position);
        if (unlikely(ring_has_lapped(ring, position)))
            return LOOK_LAPPED;
        if (unlikely(!view_is_sane(ring, view)))
            return LOOK_CORRUPT;
        return likely(state == RECORD_COMMITTED) ? LOOK_FOUND : LOOK_VOID;
    }
    if (unlikely(ring_has_lapped(ring, position)))
        return LOOK_LAPPED;
    return state == RECORD_CLAIMED ? LOOK_CLAIMED : LOOK_EMPTY;
}

/* The reader goes on at `sequence`: what lies between is lost, but for numbers that no message ever had. */
void reader_account(struct leat_reader *reader, uint64_t sequence);

/* Goes on at the oldest record that is still there, or at the newest end (`newest`). */
void reader_resume(struct leat_reader *reader, bool newest);

/* Stores the position in the slot, when there is one and the caller does not do it himself. */
void reader_store(struct leat_reader *reader);

/* The part of finding the next message that is not its being there at once. `seen` is what was seen first. 0 with *view
 * filled, or a failure as of leat_borrow. */
int reader_wait(struct leat_reader *reader, struct view *view, enum look seen, struct deadline *deadline);

#endif
