/* The configuration that is in force, written out as one INI file: drop-ins, templates and expansions done, each value with the place
 * that it comes from. What is printed can be read back from any folder, to the same effect.
 *
 *     [bridge.quotes]
 *     # leat.ini:9
 *     pattern = pubsub ; leat.ini:4, [template.public]
 *     listen = tcp://0.0.0.0:5555 ; conf.d/site.ini:2, tcp://0.0.0.0:${env:PORT}
 *     tls.key_password = ${file:/etc/leat/word} ; leat.ini:12 */
#ifndef LEAT_CONFIG_EFFECTIVE_H
#define LEAT_CONFIG_EFFECTIVE_H

#include "config/config.h"

#include <stdio.h>

/* The options of one plugin as far as they hold in one bridge. */
struct effective_table {
    const char *section; /* "bridge.quotes" */
    const char *prefix;  /* the plugin's name */
    const struct leat_option *rows;
    size_t count;
};

struct effective_tables {
    const struct effective_table *items;
    size_t count;
    bool complete; /* no plugin is missing: a key that is in none of them has no effect, and is left out */
};

struct effective_how {
    bool all; /* defaults too, and what is not set as a comment */
    bool
        secrets; /* their values; else ${env:} and ${file:} as written, and a secret that stands there itself as a comment */
    bool bare; /* without places */
};

/* `config` has no problems, and was marked for the secrets of its plugins if `tables` lacks them. */
void effective_print(const struct config *config, const struct effective_tables *tables, struct effective_how how,
                     FILE *to);

#endif
