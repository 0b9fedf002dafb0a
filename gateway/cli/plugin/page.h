/* How a plugin is shown: as a row of a table, as its reference page, or as JSON; all from its own tables. */
#ifndef LEAT_CLI_PLUGIN_PAGE_H
#define LEAT_CLI_PLUGIN_PAGE_H

#include "plugin/registry.h"

#include <cjson/cJSON.h>

void plugin_print_heading(void);
void plugin_print_row(const struct plugin *plugin);
void plugin_print_page(const struct plugin *plugin);
cJSON *plugin_json(const struct plugin *plugin);

#endif
