/* The change from one set of children to another, step by step: those that come are started, on trial, as soon as nobody who leaves is in
 * their way; and back again when one of them fails.
 *
 * In the way of one that comes is who has its name, one of its bridges, or one of its listening addresses. */
#ifndef LEAT_SUPERVISOR_HANDOVER_H
#define LEAT_SUPERVISOR_HANDOVER_H

#include "config/plan.h"
#include "supervisor/family.h"

struct handover {
    struct family *family;
    const struct config *before, *after;
    struct child **leaving, **coming;
    size_t leaving_count, coming_count;
    bool *in_the_way; /* [coming][leaving] */
    bool has_asked;   /* those who leave were asked to */
    int64_t kill_at_ns;
};

enum handover_state { HANDOVER_GOES_ON, HANDOVER_DONE, HANDOVER_FAILED };

/* Finds who leaves and who comes; all bridges of `after` have their places on the page. Starts nobody. 0 or -ENOMEM; handover_fini in
 * either case. */
int handover_init(struct handover *handover, struct family *family, const struct config *before,
                  const struct config *after, const struct plan *plan);
void handover_fini(struct handover *handover); /* frees lists; the children are the family's */

/* Forwards. DONE: all who come serve, and all who left have ended. FAILED: one of those who came has ended, or does not serve; `failed`
 * says who. Turn back then. */
enum handover_state handover_advance(struct handover *handover, int64_t now_ns, struct child **failed);

/* Backwards, again and again until DONE: those who came leave, those who left are started again. */
enum handover_state handover_return(struct handover *handover, int64_t now_ns);

/* After DONE: forgets those who left, or, after a return, those who came. */
void handover_conclude(struct handover *handover, bool returned);

#endif
