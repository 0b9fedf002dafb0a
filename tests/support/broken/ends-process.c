/* Its constructor ends the process that loads it. */
#include "healthy.h"

#include <stdlib.h>

__attribute__((constructor)) static void end(void)
{
    _Exit(0);
}

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("ends-process"), .pattern = &healthy_ops};
