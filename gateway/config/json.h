/* Whole 64-bit numbers in JSON: cJSON's own are doubles. Here, because this is the lowest room that writes JSON. */
#ifndef LEAT_CONFIG_JSON_H
#define LEAT_CONFIG_JSON_H

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

static inline void json_add_u64(cJSON *object, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    cJSON_AddRawToObject(object, name, text);
}

static inline void json_add_i64(cJSON *object, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    cJSON_AddRawToObject(object, name, text);
}

#endif
