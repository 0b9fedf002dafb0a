/* What both ends do first: they open a channel's objects, and say why not. Who opens tries again for as long as it takes, so each reason
 * is told once. */
#ifndef LEAT_CPPIPC_ATTACH_H
#define LEAT_CPPIPC_ATTACH_H

#include "cppipc/handle.h"

#include <leat/plugin/host.h>

/* handle_open with the options' layout, and their kind. 0; -ENOENT, which is not logged; -EPROTO: another kind or layout, or both of the
 * latter; other -errno. */
int attach(struct handle *handle, const struct leat_host *host, const struct cppipc_where *where,
           const struct cppipc_options *options, bool create);

/* A sentence for the log, unless it is the last one that this thread, which is a lane's, has said so. */
__attribute__((format(printf, 3, 4))) void say_once(const struct leat_host *host, int32_t level, const char *format,
                                                    ...);
/* It works now: the next reason is a new one. */
void say_anew(void);

#endif
