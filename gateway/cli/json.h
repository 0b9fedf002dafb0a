/* What cJSON does not do by itself: whole 64-bit numbers (config/json.h), bytes as text or base64, and writing. */
#ifndef LEAT_CLI_JSON_H
#define LEAT_CLI_JSON_H

#include "config/json.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* "text" when the bytes are UTF-8 without NUL, "base64" otherwise: a peer needs to look at one key only. */
void json_add_bytes(cJSON *object, const void *data, size_t len);

/* Writes it to stdout with a line end and frees it. `pretty`: over several lines. */
void json_print(cJSON *value, bool pretty);

#endif
