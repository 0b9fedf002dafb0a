#include "common/sp_credit.h"

#define NS_PER_S INT64_C(1000000000)

void sp_credit_init(struct sp_credit *credit, bool counted, uint32_t window, uint64_t byte_limit)
{
    *credit = (struct sp_credit){.counted = counted, .byte_limit = byte_limit ? byte_limit : 1};
    credit->window = window < SP_CREDIT_WINDOW_MAX ? window : SP_CREDIT_WINDOW_MAX;
}

static int64_t share_ns(const struct sp_credit *credit)
{
    return SP_CREDIT_DRAIN_NS / credit->window;
}

bool sp_credit_has(const struct sp_credit *credit, int64_t now_ns)
{
    if (!credit->counted)
        return credit->free_ns <= now_ns + SP_CREDIT_DRAIN_NS - share_ns(credit);
    return credit->given - credit->written < credit->window && credit->bytes < credit->byte_limit;
}

static void give_by_time(struct sp_credit *credit, uint64_t bytes, int64_t now_ns)
{
    if (credit->free_ns < now_ns)
        credit->free_ns = now_ns;
    int64_t carrying_ns = (int64_t)(bytes / 1000 * (NS_PER_S / (SP_CREDIT_BYTES_PER_S / 1000)));
    credit->free_ns += share_ns(credit) + carrying_ns;
}

void sp_credit_give(struct sp_credit *credit, uint64_t bytes, int64_t now_ns)
{
    if (!credit->counted) {
        give_by_time(credit, bytes, now_ns);
    } else if (sp_credit_has(credit, now_ns)) {
        credit->sizes[credit->given++ % SP_CREDIT_WINDOW_MAX] = bytes;
        credit->bytes += bytes;
    }
}

/* More may be written than was accounted for: what went to a slow pipe beyond its credit, and what a new one was given before
 * it was known to have started. */
void sp_credit_count(struct sp_credit *credit, uint64_t written)
{
    for (; credit->written < written && credit->written < credit->given; credit->written++)
        credit->bytes -= credit->sizes[credit->written % SP_CREDIT_WINDOW_MAX];
    if (written > credit->given)
        credit->given = credit->written = written;
    if (credit->given - credit->written <= credit->window / 2)
        credit->slow = false;
}
