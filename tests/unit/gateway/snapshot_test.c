#include "config/config.h"

#include "support_config.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/mman.h>

static char room[64];
static struct problems problems;
static struct config *config;

static void move_in(void)
{
    folder_make(room, sizeof(room));
    config = config_load(
        file_write(room, "leat.ini",
                   "[gateway]\nname = edge\nplugin_dir = /p\nrestart_min = 7ms\n"
                   "[bridge.a]\npattern = pubsub\ndirection = in\nchannel = shm://q, shm://r\n"
                   "dial = tcp://h:1\nworker = w\npubsub.topics = x, y\n"
                   "[bridge.b]\npattern = pipeline\ndirection = out\nchannel = shm://s\nreply_channel = shm://t\n"
                   "listen = tcp://h:2\nreceive_limit = 3MiB\nx.password = ${file:leat.ini}\n"),
        &problems);
    cr_assert_not_null(config, "%s", problems_text(&problems));
}

static void move_out(void)
{
    config_free(config);
    problems_fini(&problems);
    folder_remove(room);
}

TestSuite(snapshot, .init = move_in, .fini = move_out);

static void expect_urls(const struct config_urls *a, const struct config_urls *b)
{
    cr_assert_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        cr_expect_str_eq(a->items[i].text, b->items[i].text);
        cr_expect_str_eq(a->items[i].scheme, b->items[i].scheme);
        cr_expect_str_eq(a->items[i].rest, b->items[i].rest);
    }
}

static void expect_bridges(const struct config_bridge *a, const struct config_bridge *b)
{
    cr_expect_str_eq(a->name, b->name);
    cr_expect_str_eq(a->section, b->section);
    cr_expect_str_eq(a->worker, b->worker);
    cr_expect_str_eq(a->pattern, b->pattern);
    cr_expect_str_eq(a->file, b->file);
    cr_expect_eq(a->direction, b->direction);
    cr_expect_eq(a->line, b->line);
    cr_expect_eq(a->receive_limit_bytes, b->receive_limit_bytes);
    expect_urls(&a->channels, &b->channels);
    expect_urls(&a->listen, &b->listen);
    expect_urls(&a->dial, &b->dial);
    expect_urls(&a->reply, &b->reply);
}

Test(snapshot, arrives_as_it_was_sent)
{
    const int fd = config_send(config);
    cr_assert_geq(fd, 0);
    for (int turn = 0; turn < 2; turn++) { /* twice: a restarted worker reads the same descriptor */
        struct config *copy = config_receive(fd);
        cr_assert_not_null(copy);
        cr_expect_str_eq(copy->gateway.name, "edge");
        cr_expect_str_eq(copy->gateway.plugin_dir, "/p");
        cr_expect_eq(copy->gateway.backoff_min_ns, 7000000);
        cr_expect_eq(copy->gateway.drain_ns, config->gateway.drain_ns);
        cr_assert_eq(copy->bridge_count, 2);
        expect_bridges(&copy->bridges[0], &config->bridges[0]);
        expect_bridges(&copy->bridges[1], &config->bridges[1]);
        cr_assert_eq(copy->entry_count, config->entry_count);
        for (size_t i = 0; i < copy->entry_count; i++) {
            cr_expect_str_eq(copy->entries[i].key, config->entries[i].key);
            cr_expect_str_eq(copy->entries[i].value, config->entries[i].value);
            cr_expect_eq(copy->entries[i].line, config->entries[i].line);
            cr_expect_eq(copy->entries[i].secret, config->entries[i].secret);
        }
        cr_expect_eq(config_find_section(copy, "bridge.b")->line, 12);
        config_free(copy);
    }
    close(fd);
}

Test(snapshot, cannot_be_changed_by_whoever_holds_it)
{
    const int fd = config_send(config);
    cr_assert_lt(write(fd, "x", 1), 0);
    cr_assert_lt(ftruncate(fd, 0), 0);
    close(fd);
}

static size_t sent_bytes(char *bytes, size_t room_bytes)
{
    const int fd = config_send(config);
    const ssize_t len = pread(fd, bytes, room_bytes, 0);
    close(fd);
    cr_assert_gt(len, 0);
    return (size_t)len;
}

static int sealed(const char *bytes, size_t len, int seals)
{
    const int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

#define ALL_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

Test(snapshot, is_refused_when_it_is_cut_unsealed_or_followed_by_more)
{
    char bytes[16384];
    const size_t len = sent_bytes(bytes, sizeof(bytes) - 1);
    for (size_t cut = 1; cut < len; cut++) {
        const int fd = sealed(bytes, cut, ALL_SEALS);
        cr_expect_null(config_receive(fd), "cut to %zu bytes", cut);
        close(fd);
    }
    bytes[len] = 0;
    int fd = sealed(bytes, len + 1, ALL_SEALS);
    cr_expect_null(config_receive(fd), "a byte too many");
    close(fd);
    fd = sealed(bytes, len, F_SEAL_GROW);
    cr_expect_null(config_receive(fd), "not sealed");
    close(fd);
    cr_expect_null(config_receive(-1));
}

Test(snapshot, survives_any_byte_being_wrong, .timeout = 60)
{
    char bytes[16384];
    const size_t len = sent_bytes(bytes, sizeof(bytes));
    static const unsigned char poisons[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    for (size_t at = 0; at < len; at++) {
        const char before = bytes[at];
        for (size_t i = 0; i < sizeof(poisons); i++) {
            bytes[at] = (char)poisons[i];
            const int fd = sealed(bytes, len, ALL_SEALS);
            config_free(config_receive(fd)); /* refused or not: no crash, no leak, no endless allocation */
            close(fd);
        }
        bytes[at] = before;
    }
}
