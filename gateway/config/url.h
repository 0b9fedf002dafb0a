/* URLs as a configuration writes them: scheme://rest. What the rest means is the plugin's business. */
#ifndef LEAT_CONFIG_URL_H
#define LEAT_CONFIG_URL_H

#include "config/config.h"

/* Splits `text` into a zeroed *url, whose members are allocated. Returns NULL, or a sentence that says what is wrong (to be
 * freed); the members are set then too, the scheme empty. */
char *url_split(const char *text, struct config_url *url);
void url_fini(struct config_url *url);
void urls_fini(struct config_urls *urls);

/* Whether two listening URLs cannot both be had: the same text, or the same TCP port of overlapping addresses. */
bool url_collides(const struct config_url *a, const struct config_url *b);

#endif
