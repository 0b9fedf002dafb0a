/* `like = NAME`: a bridge, or a template, takes what it does not say itself from [template.NAME] or, where there is none, from
 * [bridge.NAME], which may be like another one in turn.
 *
 *     [template.public]            [bridge.quotes]
 *     pattern   = pubsub           like    = public
 *     direction = out              channel = shm://quotes
 *     tls.cert  = server.pem       listen  = tls+tcp://0.0.0.0:5555
 *
 * What is nearer wins; keys are taken whole. Paths are those of the file that a key stands in. */
#ifndef LEAT_CONFIG_LIKE_H
#define LEAT_CONFIG_LIKE_H

#include "config/config.h"

/* Adds to each bridge and template the entries that it takes from others; their `origin` says from which. A name that nobody has
 * and a circle become problems. */
void like_apply(struct config *config, struct problems *problems);

/* Whether all that a section is like was found: else nobody can say that a key is missing there. */
bool like_is_whole(const struct config *config, const char *section);

#endif
