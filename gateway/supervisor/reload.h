/* Another configuration for a gateway that runs.
 *
 *     read the file -> let the checker judge it -> plan -> start what is new -> stop what is touched, starting its successors -> done
 *                                                           |                    |
 *                                                           +-- one fails -------+--> the old configuration again, whole
 *
 * Bridges that the plan leaves alone are not touched at any step, and nothing here blocks the supervisor: it calls reload_turn() now and
 * then. */
#ifndef LEAT_SUPERVISOR_RELOAD_H
#define LEAT_SUPERVISOR_RELOAD_H

#include "admin/admin.h"
#include "supervisor/family.h"
#include "supervisor/supervisor.h"

#include <cjson/cJSON.h>

struct reload;

enum reload_goal { RELOAD_PLAN, RELOAD_APPLY };

/* What whoever asked is told: {"event": ...} on the way, and at last {"done": true, "ok": ...}; leatd(8) describes them. */
struct reload_listener {
    void (*tell)(void *user, const cJSON *line, bool last);
    void *user; /* NULL: nobody */
};

/* `family` runs `config`, which belongs to the reload from now on. NULL without memory; nothing is taken then. */
struct reload *reload_new(struct family *family, struct config *config, const struct supervisor_origin *origin);
void reload_free(struct reload *reload);
void reload_use_admin(struct reload *reload, struct admin *admin);

/* `file` is another configuration to plan with; NULL: the gateway's own. 0: it has begun, and the listener will hear of its end. -EBUSY: one
 * is under way. -ESHUTDOWN: the gateway stops. */
int reload_request(struct reload *reload, enum reload_goal goal, const char *file, struct reload_listener listener);
void reload_forget(struct reload *reload, const void *user); /* this listener is gone */

/* The configuration that runs; until a reload has succeeded, the old one. */
const struct config *reload_config(const struct reload *reload);
bool reload_is_active(const struct reload *reload);
bool reload_applies(const struct reload *reload); /* active, and not for a plan alone */
void reload_turn(struct reload *reload, int64_t now_ns);

/* The gateway stops: what is under way is left as it stands, and nothing more begins. */
void reload_abandon(struct reload *reload);

#endif
