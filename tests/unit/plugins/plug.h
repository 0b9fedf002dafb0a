/* A plugin under test: loaded as the gateway loads it, with options from text and a host that writes down what it hears. */
#ifndef TESTS_UNIT_PLUGINS_PLUG_H
#define TESTS_UNIT_PLUGINS_PLUG_H

#include "config/options.h"

#include <leat/plugin/channel.h>
#include <leat/plugin/pattern.h>
#include <leat/plugin/plugin.h>
#include <leat/plugin/transport.h>

struct plug {
    const struct leat_plugin *plugin;
    struct options options; /* options.values goes into the plugin's calls */
    struct leat_host host;
    char heard[4096]; /* "blame OPTION: TEXT\n", "log LEVEL: TEXT\n" */
};

/* Loads NAME.so once; ends the test when that fails. */
const struct leat_plugin *plug_load(const char *name);

/* `settings`: "name = value" lines of its options, or "". Ends the test when they are refused. Does not move while in use. */
void plug_init(struct plug *plug, const char *name, const char *settings);
void plug_fini(struct plug *plug);

/* What a transport's check() says of an endpoint with these settings: nothing, or -EINVAL and, among what is heard, `says` (NULL: nothing
 * is wrong) and `key` (NULL: any), such as "blame dial: ". */
void plug_expect(const char *name, const char *settings, const char *url, uint32_t listen, const char *key,
                 const char *says);

#endif
