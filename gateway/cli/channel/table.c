#include "cli/channel/table.h"

#include "base/clock.h"
#include "cli/json.h"
#include "cli/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_COLUMNS 19 /* what 80 leave */

static const char *policy_name(uint32_t policy)
{
    return policy == LEAT_BLOCK ? "block" : "overwrite";
}

static int64_t age_ns(const struct leat_channel_info *info)
{
    int64_t age = clock_realtime_ns() - (int64_t)info->published_ns;
    return age > 0 ? age : 0;
}

/* A name that is too long for its column stands on a line of its own. */
static void print_name(const char *name)
{
    if (strlen(name) > NAME_COLUMNS) {
        printf("%s\n%-*s", name, NAME_COLUMNS, "");
    } else {
        printf("%-*s", NAME_COLUMNS, name);
    }
}

static void print_channel(const struct channel_row *row)
{
    char capacity[QUANTITY_BYTES], messages[QUANTITY_BYTES], rate[QUANTITY_BYTES], age[QUANTITY_BYTES], readers[32];
    const struct leat_channel_info *info = &row->info;
    snprintf(readers, sizeof readers, "%" PRIu32 "/%" PRIu32, info->readers_alive, info->readers);
    print_name(row->name);
    printf(" %-9s %8s %8s %7" PRIu32 " %7s %6s/s %7s\n", policy_name(info->policy),
           format_size(capacity, (double)info->capacity_bytes), format_count(messages, (double)info->messages),
           info->writers_alive, readers, format_count(rate, row->rate),
           info->published_ns ? format_duration(age, (double)age_ns(info)) : "-");
}

static void print_reader(const struct leat_reader_info *reader)
{
    char messages[QUANTITY_BYTES], bytes[QUANTITY_BYTES], lost[QUANTITY_BYTES], pid[32] = "dead";
    if (reader->alive) {
        snprintf(pid, sizeof pid, "pid %" PRIu32, reader->pid);
    }
    printf("  - %s (%s): %s behind (%s), %s lost\n", *reader->name ? reader->name : "unnamed reader", pid,
           format_count(messages, (double)reader->lag_messages), format_size(bytes, (double)reader->lag_bytes),
           format_count(lost, (double)reader->lost));
}

void channels_print_table(const struct channel_row *rows, size_t count)
{
    printf("%-*s %-9s %8s %8s %7s %7s %8s %7s\n", NAME_COLUMNS, "CHANNEL", "POLICY", "CAPACITY", "MESSAGES", "WRITERS",
           "READERS", "RATE", "AGE");
    for (size_t i = 0; i < count; i++) {
        print_channel(&rows[i]);
        for (size_t k = 0; k < rows[i].reader_count; k++) {
            print_reader(&rows[i].readers[k]);
        }
    }
}

static cJSON *reader_json(const struct leat_reader_info *reader)
{
    cJSON *object = cJSON_CreateObject();
    if (reader->durable) {
        cJSON_AddStringToObject(object, "name", reader->name);
    } else {
        cJSON_AddNullToObject(object, "name");
    }
    cJSON_AddBoolToObject(object, "alive", reader->alive != 0);
    json_add_u64(object, "pid", reader->pid);
    json_add_u64(object, "lag_messages", reader->lag_messages);
    json_add_u64(object, "lag_bytes", reader->lag_bytes);
    json_add_u64(object, "lost", reader->lost);
    return object;
}

static cJSON *channel_json(const struct channel_row *row)
{
    const struct leat_channel_info *info = &row->info;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", row->name);
    cJSON_AddStringToObject(object, "policy", policy_name(info->policy));
    cJSON_AddStringToObject(object, "producers", info->producers == LEAT_ONE ? "one" : "many");
    json_add_u64(object, "capacity_bytes", info->capacity_bytes);
    json_add_u64(object, "max_message_bytes", info->max_message_bytes);
    json_add_u64(object, "messages", info->messages);
    json_add_u64(object, "writers_alive", info->writers_alive);
    json_add_u64(object, "readers_registered", info->readers);
    json_add_u64(object, "readers_alive", info->readers_alive);
    cJSON_AddNumberToObject(object, "rate", row->rate);
    json_add_u64(object, "created_ns", info->created_ns);
    json_add_u64(object, "published_ns", info->published_ns);
    if (info->published_ns) {
        json_add_i64(object, "age_ns", age_ns(info));
    }
    char mode[8];
    snprintf(mode, sizeof mode, "%04o", info->mode & 0777);
    cJSON_AddStringToObject(object, "mode", mode);
    json_add_u64(object, "uid", info->uid);
    json_add_u64(object, "gid", info->gid);
    cJSON *readers = cJSON_AddArrayToObject(object, "readers");
    for (size_t i = 0; i < row->reader_count; i++) {
        cJSON_AddItemToArray(readers, reader_json(&row->readers[i]));
    }
    return object;
}

void channels_print_json(const struct channel_row *rows, size_t count)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        cJSON_AddItemToArray(list, channel_json(&rows[i]));
    }
    json_print(list, true);
}
