/* What must hold for `admin` and `admin_token`. */
#ifndef LEAT_CONFIG_ADMIN_KEYS_H
#define LEAT_CONFIG_ADMIN_KEYS_H

#include "config/config.h"

/* Beside what each key's row says: the address is one, others than this host need the token, and no bridge has the port. */
void admin_keys_check(const struct config *config, struct problems *problems);

/* Whether the address can be had at this moment; that this very gateway has it is no problem. May block for a second. */
void admin_keys_check_port(const struct config *config, struct problems *problems);

#endif
