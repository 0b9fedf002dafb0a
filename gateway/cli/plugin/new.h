/* leat plugin new: a folder for a plugin that builds, passes its tests and can be installed, to be changed from there. */
#ifndef LEAT_CLI_PLUGIN_NEW_H
#define LEAT_CLI_PLUGIN_NEW_H

int plugin_new(int argc, char **argv);

#endif
