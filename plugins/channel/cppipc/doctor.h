/* leat doctor for cpp-ipc names: what is left of the dead, and what never fitted together. As leat_channel_ops.examine. */
#ifndef LEAT_CPPIPC_DOCTOR_H
#define LEAT_CPPIPC_DOCTOR_H

#include "cppipc/handle.h"

#include <leat/plugin/channel.h>

int32_t doctor_examine(const struct leat_host *host, const char *name, const struct cppipc_options *options,
                       const struct leat_examination *examination);

#endif
