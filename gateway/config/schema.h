/* What [gateway] and [bridge.NAME] may hold: the option tables of our own sections, and the step from entries to the structs
 * that the gateway works with. */
#ifndef LEAT_CONFIG_SCHEMA_H
#define LEAT_CONFIG_SCHEMA_H

#include "config/config.h"

#include <leat/plugin/option.h>

extern const struct leat_option schema_gateway[];
extern const size_t schema_gateway_count;
extern const struct leat_option schema_bridge[];
extern const size_t schema_bridge_count;

/* Finds what is wrong with the keys of each [template.NAME] by themselves, before bridges take them. */
void schema_check_templates(const struct config *config, struct problems *problems);

/* Refuses sections and keys that nobody knows, and fills config->gateway and config->bridges from the entries. `main_file` is
 * blamed for what is missing. */
void schema_apply(struct config *config, const char *main_file, struct problems *problems);

/* A name for a gateway, a bridge or a worker: it becomes a file's name and a durable reader's. */
bool schema_is_name(const char *text);

#endif
