/* What must hold for `control`, `control_mode` and `control_group`. */
#ifndef LEAT_CONFIG_CONTROL_KEYS_H
#define LEAT_CONFIG_CONTROL_KEYS_H

#include "config/config.h"

/* Beside what each key's row says: `control` is "off" or a path that a socket can have, and there is such a group. */
void control_keys_check(const struct config *config, struct problems *problems);

/* The number of that group, by its name or number; -1: there is none. */
int64_t control_keys_group(const char *name);

#endif
