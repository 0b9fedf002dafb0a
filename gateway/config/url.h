/* URLs as a configuration writes them: scheme://rest. What the rest means is the plugin's business. */
#ifndef LEAT_CONFIG_URL_H
#define LEAT_CONFIG_URL_H

#include "config/config.h"

/* Splits `text` into a zeroed *url, whose members are allocated. Returns NULL, or a sentence that says what is wrong (to be
 * freed); the members are set then too, the scheme empty. */
char *url_split(const char *text, struct config_url *url);
void url_fini(struct config_url *url);
void urls_fini(struct config_urls *urls);

/* Whether two listening URLs want the same: the same text, or the same TCP port of overlapping addresses. */
bool url_collides(const struct config_url *a, const struct config_url *b);

/* Whether they cannot both be had, which is so when they collide, but for WebSocket listeners in one process: where scheme, host and
 * port are written alike and the paths differ, nng serves them through one port. `together`: both are in one worker. Returns NULL
 * when they can be had, or what could be done about it ("; ...", or ""). */
const char *url_clash(const struct config_url *a, const struct config_url *b, bool together);

#endif
