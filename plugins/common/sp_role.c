#include "common/sp_role.h"

#include "common/sp_credit.h"

#include <nng/protocol/bus0/bus.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pair1/pair.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/protocol/survey0/respond.h>
#include <nng/protocol/survey0/survey.h>

#define DUPLEX .sends = true, .receives = true

/* The queues of nng 1.5 to 1.12, in messages. A pipe that joins while messages go to all, or was slow, may have more than its
 * account says; so these use two less. */
#define REP_QUEUE 64
#define RESPONDENT_QUEUE 2
#define TO_ALL_QUEUE 16
#define TO_ALL_WINDOW (TO_ALL_QUEUE - 2)

/* A pair has no queue of its own in either direction: the sender's program waits, and nothing more than what is on its way is
 * lost with a process. */
static const struct sp_role roles[] = {
    [LEAT_ROLE_PUBLISHER] = {.open = nng_pub0_open, .sends = true, .send_queue = true, .sends_at_once = true},
    [LEAT_ROLE_SUBSCRIBER] = {.open = nng_sub0_open, .receives = true, .receive_queue = true, .no_cancel = true},
    [LEAT_ROLE_PUSHER] = {.open = nng_push0_open, .sends = true, .send_queue = true, .sends_early = true},
    [LEAT_ROLE_PULLER] = {.open = nng_pull0_open, .receives = true},
    [LEAT_ROLE_REQUESTER] = {.open = nng_req0_open_raw, .raw = true, DUPLEX},
    [LEAT_ROLE_REPLIER] = {.open = nng_rep0_open_raw,
                           .raw = true,
                           DUPLEX,
                           .pace = {.window = REP_QUEUE, .queue = REP_QUEUE}},
    [LEAT_ROLE_SURVEYOR] = {.open = nng_surveyor0_open_raw,
                            .raw = true,
                            DUPLEX,
                            .pace = {.window = TO_ALL_WINDOW, .to_all = true, .queue = TO_ALL_QUEUE}},
    [LEAT_ROLE_RESPONDENT] = {.open = nng_respondent0_open_raw,
                              .raw = true,
                              DUPLEX,
                              .pace = {.window = RESPONDENT_QUEUE, .queue = RESPONDENT_QUEUE}},
    [LEAT_ROLE_BUS] = {.open = nng_bus0_open_raw,
                       .raw = true,
                       DUPLEX,
                       .receive_queue = true,
                       .pace = {.window = TO_ALL_WINDOW, .to_all = true, .queue = TO_ALL_QUEUE}},
    [LEAT_ROLE_PAIR0] = {.open = nng_pair0_open, DUPLEX, .sends_early = true},
    [LEAT_ROLE_PAIR1] = {.open = nng_pair1_open, DUPLEX, .sends_early = true},
};

/* It is given no more than its credit, so that the queue, which is set so long, never drops anything. */
static const struct sp_role waiting_publisher = {
    .open = nng_pub0_open,
    .sends = true,
    .pace = {.window = SP_CREDIT_WINDOW_MAX, .to_all = true, .queue = 2 * SP_CREDIT_WINDOW_MAX, .for_ever = true},
};

const struct sp_role *sp_role(uint32_t role, uint32_t flags)
{
    if (role == LEAT_ROLE_PUBLISHER && flags & LEAT_SOCKET_WAIT)
        return &waiting_publisher;
    return role < sizeof roles / sizeof roles[0] && roles[role].open ? &roles[role] : NULL;
}
