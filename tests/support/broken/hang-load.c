/* Its constructor hangs. */
#include "healthy.h"

#include <unistd.h>

__attribute__((constructor)) static void hang(void)
{
    pause();
}

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {HEALTHY_PLUGIN("hang-load"), .pattern = &healthy_ops};
