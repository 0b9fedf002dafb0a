/* A sender's place at a channel: the objects, the thread that serves them, and in a route the flag that says that we are the sender.
 * It is looked for until there is one, and again when it was removed. One thread. */
#ifndef LEAT_CPPIPC_OUTLET_H
#define LEAT_CPPIPC_OUTLET_H

#include "cppipc/holding.h"
#include "cppipc/leftover.h"
#include "cppipc/ring.h"

#include <leat/plugin/host.h>

struct outlet {
    const struct leat_host *host;
    const struct cppipc_options *options;
    char name[CPPIPC_FILE_MAX];
    struct cppipc_where where;
    int64_t look_at_ns; /* not before */
    int found;          /* what the last look said */

    bool attached, sends; /* sends: we may push */
    struct handle handle;
    struct ring ring;
    struct attendant *attendant;
    struct pools pools;
    struct leftover leftover;
    struct holding holding;
    bool holds; /* `holding` is open */
};

/* `options` and `host` outlive it. -EINVAL: no name for a channel. */
int outlet_init(struct outlet *outlet, const struct leat_host *host, const char *name,
                const struct cppipc_options *options);
void outlet_fini(struct outlet *outlet);

/* 0: it may be pushed to. -ENOENT: no receiver has made the channel yet; -EBUSY: another sender has the route; other -errno: it cannot be
 * used as it is: these are logged once, and looked at a few times a second at most; in between it repeats what it found. */
int outlet_look(struct outlet *outlet);

/* What outlet_look would have to say first, in a few loads. */
static inline bool outlet_is_ready(const struct outlet *outlet)
{
    return outlet->sends && !attendant_sees_gone(outlet->attendant);
}

#endif
