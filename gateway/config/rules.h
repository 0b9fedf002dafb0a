/* What must hold between the keys of a bridge, and between bridges, as far as it needs no plugin. */
#ifndef LEAT_CONFIG_RULES_H
#define LEAT_CONFIG_RULES_H

#include "config/config.h"

void rules_check(const struct config *config, struct problems *problems);

#endif
