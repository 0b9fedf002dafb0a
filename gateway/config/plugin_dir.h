/* Where plugins are looked for when the configuration does not say. */
#ifndef LEAT_CONFIG_PLUGIN_DIR_H
#define LEAT_CONFIG_PLUGIN_DIR_H

/* $LEAT_PLUGIN_DIR; else, for a leatd that runs from its build folder (bin/leatd with plugins/ beside bin/), that build's own
 * plugins; else the installed folder. To be freed. */
char *plugin_dir_default(void);

#endif
