/* The configuration of a running gateway as JSON, for those who ask it over its control socket: every key with its place, no secret.
 *
 *     {"sections": [{"name", "file", "line"}, ...],
 *      "entries":  [{"section", "key", "value", "written", "origin", "file", "line", "secret"}, ...]}
 *
 * A secret has no "value", and no "written" where the secret itself stands in the file. */
#ifndef LEAT_CONFIG_EXCHANGE_H
#define LEAT_CONFIG_EXCHANGE_H

#include "config/config.h"

#include <cjson/cJSON.h>

/* To be freed with cJSON_Delete. */
cJSON *config_to_json(const struct config *config);

/* Reads it back, as far as it is known: what is secret is marked doubtful. NULL when it is none. */
struct config *config_from_json(const cJSON *json);

#endif
