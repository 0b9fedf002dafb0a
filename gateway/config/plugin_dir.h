/* Where plugins are looked for when the configuration does not say. */
#ifndef LEAT_CONFIG_PLUGIN_DIR_H
#define LEAT_CONFIG_PLUGIN_DIR_H

/* $LEAT_PLUGIN_DIR; else what belongs to this program, seen from its own folder: a build's plugins/ beside bin/, or the lib/leat/plugins
 * of an installed tree, wherever that was put; else the folder that was configured. To be freed. */
char *plugin_dir_default(void);

#endif
