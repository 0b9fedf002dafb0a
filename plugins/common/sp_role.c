#include "common/sp_role.h"

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

#define OPENS(name) .open = nng_##name##_open, .open_raw = nng_##name##_open_raw
#define DUPLEX .sends = true, .receives = true

static const struct sp_role roles[] = {
    [LEAT_ROLE_PUBLISHER] = {OPENS(pub0), .sends = true, .send_queue = true, .sends_at_once = true},
    [LEAT_ROLE_SUBSCRIBER] = {OPENS(sub0), .receives = true, .receive_queue = true, .no_cancel = true},
    [LEAT_ROLE_PUSHER] = {OPENS(push0), .sends = true, .send_queue = true, .sends_early = true},
    [LEAT_ROLE_PULLER] = {OPENS(pull0), .receives = true},
    [LEAT_ROLE_REQUESTER] = {OPENS(req0), DUPLEX},
    [LEAT_ROLE_REPLIER] = {OPENS(rep0), DUPLEX},
    [LEAT_ROLE_SURVEYOR] = {OPENS(surveyor0), DUPLEX, .receive_queue = true},
    [LEAT_ROLE_RESPONDENT] = {OPENS(respondent0), DUPLEX},
    [LEAT_ROLE_BUS] = {OPENS(bus0), DUPLEX},
    [LEAT_ROLE_PAIR0] = {OPENS(pair0), DUPLEX, .send_queue = true, .receive_queue = true},
    [LEAT_ROLE_PAIR1] = {OPENS(pair1), DUPLEX, .send_queue = true, .receive_queue = true},
};

const struct sp_role *sp_role(uint32_t role)
{
    return role < sizeof roles / sizeof roles[0] && roles[role].open ? &roles[role] : NULL;
}
