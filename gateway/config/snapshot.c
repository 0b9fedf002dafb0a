/* A configuration on its way to another process: one description of the format, used for writing and for reading, in a memfd
 * that is sealed before it is handed over.
 *
 *     magic, gateway, sections, bridges, entries      numbers: 8 bytes; text: length, bytes; a list: count, items
 *
 * The reader takes it for hostile: every length is bounded by what is left, and anything odd refuses the whole. */
#include "config/config.h"
#include "config/memory.h"
#include "config/url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SNAPSHOT_MAGIC UINT64_C(0x31464e4f432e4c00) /* little-endian "\0L.CONF1" */
#define SNAPSHOT_MAX_BYTES (64 << 20)
#define SNAPSHOT_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

/* Bytes being written, or being read. */
struct wire {
    bool reading, broken;
    char *bytes;
    size_t len, at;
};

/* ---- numbers, text, lists ---------------------------------------------------------------------------------------- */

static void wire_bytes(struct wire *wire, void *data, size_t len)
{
    if (wire->reading) {
        if (wire->broken || wire->len - wire->at < len) {
            wire->broken = true;
            memset(data, 0, len);
            return;
        }
        memcpy(data, wire->bytes + wire->at, len);
    } else {
        wire->bytes = memory_resize(wire->bytes, wire->at + len, 1);
        memcpy(wire->bytes + wire->at, data, len);
    }
    wire->at += len;
}

static void wire_u64(struct wire *wire, uint64_t *value)
{
    wire_bytes(wire, value, sizeof(*value));
}

static void wire_i64(struct wire *wire, int64_t *value)
{
    wire_bytes(wire, value, sizeof(*value));
}

static void wire_u32(struct wire *wire, uint32_t *value)
{
    uint64_t wide = *value;
    wire_u64(wire, &wide);
    wire->broken |= wide > UINT32_MAX;
    *value = (uint32_t)wide;
}

static void wire_bool(struct wire *wire, bool *value)
{
    uint32_t wide = *value;
    wire_u32(wire, &wide);
    wire->broken |= wide > 1;
    *value = wide == 1;
}

/* Never NULL on either side. */
static void wire_text(struct wire *wire, char **text)
{
    uint64_t len = wire->reading ? 0 : strlen(*text);
    wire_u64(wire, &len);
    if (!wire->reading) {
        wire_bytes(wire, *text, len);
        return;
    }
    if (wire->broken || len > wire->len - wire->at || memchr(wire->bytes + wire->at, '\0', len) != NULL) {
        wire->broken = true;
        len = 0;
    }
    *text = memory_copy_part(wire->bytes + wire->at, len);
    wire->at += len;
}

/* A count of items that take `least` bytes each in the wire, and room for them when reading. */
static void *wire_list(struct wire *wire, void *items, size_t *count, size_t size, size_t least)
{
    uint64_t wide = *count;
    wire_u64(wire, &wide);
    if (!wire->reading)
        return items;
    if (wire->broken || wide > (wire->len - wire->at) / least) {
        wire->broken = true;
        wide = 0;
    }
    *count = wide;
    return memory_zeroed((wide + 1) * size);
}

/* ---- the structs ------------------------------------------------------------------------------------------------- */

static void wire_gateway(struct wire *wire, struct config_gateway *gateway)
{
    wire_text(wire, &gateway->name);
    wire_text(wire, &gateway->plugin_dir);
    wire_u32(wire, &gateway->log_level);
    wire_i64(wire, &gateway->drain_ns);
    wire_i64(wire, &gateway->stall_ns);
    wire_i64(wire, &gateway->backoff_min_ns);
    wire_i64(wire, &gateway->backoff_max_ns);
    wire_u32(wire, &gateway->worker_threads);
    wire_text(wire, &gateway->admin);
    wire_text(wire, &gateway->admin_token);
    wire_text(wire, &gateway->control);
    wire_text(wire, &gateway->control_group);
    wire_u32(wire, &gateway->control_mode);
}

static void wire_url(struct wire *wire, struct config_url *url)
{
    wire_text(wire, &url->text);
    if (!wire->reading)
        return;
    char *text = url->text;
    char *problem = url_split(text, url);
    wire->broken |= problem != NULL;
    free(problem);
    free(text);
}

static void wire_urls(struct wire *wire, struct config_urls *urls)
{
    urls->items = wire_list(wire, urls->items, &urls->count, sizeof(*urls->items), sizeof(uint64_t));
    for (size_t i = 0; i < urls->count; i++)
        wire_url(wire, &urls->items[i]);
}

static void wire_texts(struct wire *wire, struct config_texts *texts)
{
    texts->items = wire_list(wire, texts->items, &texts->count, sizeof(*texts->items), sizeof(uint64_t));
    for (size_t i = 0; i < texts->count; i++)
        wire_text(wire, &texts->items[i]);
}

static void wire_bridge(struct wire *wire, struct config_bridge *bridge)
{
    uint32_t direction = bridge->direction, line = bridge->line;
    wire_text(wire, &bridge->name);
    wire_text(wire, &bridge->section);
    wire_text(wire, &bridge->worker);
    wire_text(wire, &bridge->pattern);
    wire_text(wire, &bridge->file);
    wire_u32(wire, &direction);
    wire_u32(wire, &line);
    wire_u64(wire, &bridge->receive_limit_bytes);
    wire_urls(wire, &bridge->channels);
    wire_urls(wire, &bridge->listen);
    wire_urls(wire, &bridge->dial);
    wire_urls(wire, &bridge->reply);
    wire_texts(wire, &bridge->allow);
    wire_texts(wire, &bridge->deny);
    wire_u32(wire, &bridge->max_peers);
    wire->broken |= direction < CONFIG_OUT || direction > CONFIG_BOTH || bridge->receive_limit_bytes == 0;
    bridge->direction = (enum config_direction)direction;
    bridge->line = line;
}

static void wire_section(struct wire *wire, struct config_section *section)
{
    uint32_t line = section->line;
    wire_text(wire, &section->name);
    wire_text(wire, &section->file);
    wire_u32(wire, &line);
    section->line = line;
}

static void wire_entry(struct wire *wire, struct config_entry *entry)
{
    uint32_t line = entry->line;
    wire_text(wire, &entry->section);
    wire_text(wire, &entry->key);
    wire_text(wire, &entry->value);
    wire_text(wire, &entry->written);
    wire_text(wire, &entry->origin);
    wire_text(wire, &entry->file);
    wire_u32(wire, &line);
    wire_bool(wire, &entry->secret);
    wire_bool(wire, &entry->secret_key);
    wire_bool(wire, &entry->doubtful);
    entry->line = line;
}

static void wire_config(struct wire *wire, struct config *config)
{
    uint64_t magic = SNAPSHOT_MAGIC;
    wire_u64(wire, &magic);
    wire->broken |= magic != SNAPSHOT_MAGIC;
    wire_gateway(wire, &config->gateway);
    config->sections =
        wire_list(wire, config->sections, &config->section_count, sizeof(*config->sections), 3 * sizeof(uint64_t));
    for (size_t i = 0; i < config->section_count; i++)
        wire_section(wire, &config->sections[i]);
    config->bridges =
        wire_list(wire, config->bridges, &config->bridge_count, sizeof(*config->bridges), 15 * sizeof(uint64_t));
    for (size_t i = 0; i < config->bridge_count; i++)
        wire_bridge(wire, &config->bridges[i]);
    config->entries =
        wire_list(wire, config->entries, &config->entry_count, sizeof(*config->entries), 10 * sizeof(uint64_t));
    for (size_t i = 0; i < config->entry_count; i++)
        wire_entry(wire, &config->entries[i]);
}

/* ---- handing over ------------------------------------------------------------------------------------------------ */

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t done = write(fd, bytes, len);
        if (done < 0 && errno != EINTR)
            return -errno;
        if (done > 0) {
            bytes += done;
            len -= (size_t)done;
        }
    }
    return 0;
}

int config_send(const struct config *config)
{
    struct wire wire = {0};
    struct config view = *config; /* writing changes nothing, but its description is not const */
    const int fd = memfd_create("leat-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    wire_config(&wire, &view);
    int result = write_all(fd, wire.bytes, wire.at);
    free(wire.bytes);
    if (result == 0 && fcntl(fd, F_ADD_SEALS, SNAPSHOT_SEALS | F_SEAL_SEAL) != 0)
        result = -errno;
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

/* The sealed bytes behind `fd`, wherever its offset stands: it may have been read before. */
static char *receive_bytes(int fd, size_t *len)
{
    struct stat status;
    const int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SNAPSHOT_SEALS) != SNAPSHOT_SEALS || fstat(fd, &status) != 0 || status.st_size <= 0 ||
        status.st_size > SNAPSHOT_MAX_BYTES)
        return NULL;
    *len = (size_t)status.st_size;
    char *bytes = memory_zeroed(*len);
    if (pread(fd, bytes, *len, 0) == (ssize_t)*len)
        return bytes;
    free(bytes);
    return NULL;
}

struct config *config_receive(int fd)
{
    struct wire wire = {.reading = true};
    wire.bytes = receive_bytes(fd, &wire.len);
    if (wire.bytes == NULL)
        return NULL;
    struct config *config = memory_zeroed(sizeof(*config));
    wire_config(&wire, config);
    const bool whole = !wire.broken && wire.at == wire.len;
    free(wire.bytes);
    if (whole)
        return config;
    config_free(config);
    return NULL;
}
