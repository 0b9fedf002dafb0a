/* The plugins that a bridge uses, whatever for. */
#ifndef LEAT_PLUGIN_USED_H
#define LEAT_PLUGIN_USED_H

#include "plugin/resolve.h"

/* Each plugin once: the pattern, those of the channels, the transports. NULL-terminated; to be freed. What was not found is left out. */
const struct plugin **used_plugins(const struct resolved_bridge *resolved);

/* Marks the entries of the bridge whose keys their plugins call secret. `tell` gets the key of each that is there; may be NULL. */
void used_mark_secrets(const struct resolved_bridge *resolved, struct config *config,
                       void (*tell)(const char *section, const char *key));

#endif
