#include "common/sp_loss.h"

#define STILL_LOOKS 2

static uint64_t beyond(uint64_t value, uint64_t least)
{
    return value > least ? value - least : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A pipe may be given messages a moment before its account begins. */
static void begin_earlier(struct sp_loss *loss, uint64_t offered, uint64_t sent)
{
    loss->early += beyond(sent + loss->lost, offered + loss->early);
}

void sp_loss_look(struct sp_loss *loss, uint64_t room, uint64_t offered_before, uint64_t offered_after, uint64_t sent)
{
    if (sent < loss->sent)
        return; /* somebody else has looked since */
    begin_earlier(loss, offered_after, sent);
    uint64_t least = offered_before + loss->early, most = offered_after + loss->early;
    uint64_t overflow = beyond(beyond(most, loss->sent), room); /* if nothing had been written since the last look */
    loss->lost = larger(loss->lost, beyond(beyond(least, sent), room));
    loss->possible = larger(loss->possible, overflow);
    if (loss->possible > most - sent)
        loss->possible = most - sent;
    loss->possible = larger(loss->possible, loss->lost);
    loss->offered = most;
    loss->sent = sent;
}

bool sp_loss_is_doubtful(struct sp_loss *loss)
{
    bool same = loss->sent == loss->sent_still && loss->offered == loss->offered_still;
    bool doubtful = loss->possible > loss->lost && loss->possible == loss->offered - loss->sent;
    loss->still = same && doubtful ? loss->still + 1 : 0;
    loss->sent_still = loss->sent;
    loss->offered_still = loss->offered;
    return loss->still >= STILL_LOOKS;
}

void sp_loss_nothing_waits(struct sp_loss *loss)
{
    loss->lost = loss->possible;
}

void sp_loss_end(struct sp_loss *loss, uint64_t room, uint64_t offered, uint64_t sent)
{
    sent = larger(sent, loss->sent);
    begin_earlier(loss, offered, sent);
    offered += loss->early;
    uint64_t most = sent + loss->lost + room;
    loss->offered = larger(offered < most ? offered : most, loss->offered);
    loss->sent = sent;
}

uint64_t sp_loss_safe_until(const struct sp_loss *loss, uint64_t room)
{
    return beyond(loss->sent + loss->lost + room, loss->early);
}

uint64_t sp_loss_queued(const struct sp_loss *loss)
{
    return beyond(loss->offered, loss->sent + loss->lost);
}
