#include "cppipc/outlet.h"

#include "cppipc/attach.h"
#include "cppipc/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOOK_AGAIN_NS (100 * NS_PER_MS)

/* ---- attaching -------------------------------------------------------------------------------------------------------- */

static int take_up(struct outlet *outlet)
{
    int error = attach(&outlet->handle, outlet->host, &outlet->where, outlet->options, false);
    if (error)
        return error;
    error = attendant_start(&outlet->attendant, outlet->host, &outlet->handle, outlet->options->wake,
                            outlet->options->lock_ns);
    if (error) {
        handle_close(&outlet->handle);
        return error;
    }
    pools_init(&outlet->pools, outlet->where);
    outlet->ring = (struct ring){outlet->handle.ring, outlet->options->kind};
    outlet->leftover = (struct leftover){.pools = &outlet->pools, .attendant = outlet->attendant};
    outlet->attached = true;
    return 0;
}

/* ---- the sender flag of a route --------------------------------------------------------------------------------------- */

/* Without a place to write down what we hold we send all the same; only a kill then leaves a route without a sender. */
static int open_holding(struct outlet *outlet)
{
    int error = holding_open(&outlet->holding, &outlet->where, "sender");
    outlet->holds = error == 0;
    if (error == -EBUSY)
        say_once(outlet->host, LEAT_LOG_WARNING,
                 "another bridge of this host is the sender of route '%s'; waiting for it", outlet->name);
    else if (error)
        say_once(outlet->host, LEAT_LOG_WARNING,
                 "what is held of route '%s' cannot be written down (%s): after a kill it would need leat doctor",
                 outlet->name, strerror(-error));
    return error == -EBUSY ? error : 0;
}

/* A flag that a dead process of ours left is ours. Written down only once it is set, and forgotten before it is cleared: whoever
 * dies in between leaves a flag for the doctor rather than a second sender. */
static int claim_flag(struct outlet *outlet)
{
    bool ours = outlet->holds && holding_left_sender(&outlet->holding, &outlet->handle);
    if (!ours && !ring_claim_sender(outlet->ring)) {
        say_once(outlet->host, LEAT_LOG_WARNING,
                 "route '%s' has another sender; waiting for it to leave (if none is alive: leat doctor --repair)",
                 outlet->name);
        return -EBUSY;
    }
    if (outlet->holds) {
        outlet->holding.record->device = outlet->handle.objects[CPPIPC_RING].device;
        outlet->holding.record->inode = outlet->handle.objects[CPPIPC_RING].inode;
        outlet->holding.record->sender = 1;
    }
    return 0;
}

static int become_sender(struct outlet *outlet)
{
    int error = 0;
    if (outlet->options->kind == CPPIPC_ROUTE) {
        error = outlet->holds ? 0 : open_holding(outlet);
        if (!error)
            error = claim_flag(outlet);
    }
    outlet->sends = error == 0;
    if (outlet->sends)
        say_anew();
    return error;
}

static void leave_flag(struct outlet *outlet)
{
    if (outlet->holds)
        outlet->holding.record->sender = 0;
    if (outlet->sends && outlet->options->kind == CPPIPC_ROUTE)
        ring_leave_sender(outlet->ring);
    if (outlet->holds)
        holding_close(&outlet->holding, true);
    outlet->holds = outlet->sends = false;
}

static void detach(struct outlet *outlet)
{
    if (!outlet->attached)
        return;
    leave_flag(outlet);
    attendant_stop(outlet->attendant);
    pools_close(&outlet->pools);
    handle_close(&outlet->handle);
    outlet->attached = false;
}

/* ---- public ----------------------------------------------------------------------------------------------------------- */

int outlet_init(struct outlet *outlet, const struct leat_host *host, const char *name,
                const struct cppipc_options *options)
{
    if (!cppipc_is_name(options->prefix ? options->prefix : "", name))
        return -EINVAL;
    *outlet = (struct outlet){.host = host, .options = options, .found = -ENOENT};
    snprintf(outlet->name, sizeof outlet->name, "%s", name);
    outlet->where = handle_where(options, outlet->name);
    return 0;
}

void outlet_fini(struct outlet *outlet)
{
    detach(outlet);
}

int outlet_look(struct outlet *outlet)
{
    if (outlet_is_ready(outlet))
        return 0;
    int64_t now_ns = monotonic_ns();
    /* Whether a receiver has come is asked for each message: one that came before a message has to get it. */
    if (now_ns < outlet->look_at_ns && outlet->found != -ENOENT)
        return outlet->found;
    outlet->look_at_ns = now_ns + LOOK_AGAIN_NS;
    if (outlet->attached && attendant_sees_gone(outlet->attendant))
        detach(outlet);
    outlet->found = outlet->attached ? 0 : take_up(outlet);
    if (outlet->found == 0)
        outlet->found = become_sender(outlet);
    return outlet->found;
}
