#include "config/config.h"

#include "config/memory.h"
#include "config/schema.h"
#include "support_config.h"

#include <criterion/criterion.h>
#include <leat/plugin/host.h>
#include <stdlib.h>

#define BRIDGE "pattern = pubsub\ndirection = out\nchannel = shm://q\n"

static char room[64];
static struct problems problems;
static struct config *config;

static void move_in(void)
{
    folder_make(room, sizeof(room));
}

static void move_out(void)
{
    config_free(config);
    problems_fini(&problems);
    folder_remove(room);
}

TestSuite(config, .init = move_in, .fini = move_out);

static void load(const char *text)
{
    config = config_load(file_write(room, "leat.ini", text), &problems);
}

/* Loads what must be refused, and returns why, with the folder's name cut out. */
static const char *refusal(const char *text)
{
    static char result[8192];
    load(text);
    cr_assert_null(config, "this was accepted: %s", text);
    const char *from = problems_text(&problems);
    size_t len = 0;
    while (*from != '\0' && len < sizeof(result) - 1) {
        if (strncmp(from, room, strlen(room)) == 0)
            from += strlen(room) + 1;
        else
            result[len++] = *from++;
    }
    result[len] = '\0';
    return result;
}

Test(config, turns_a_file_into_what_the_gateway_works_with)
{
    load("[gateway]\nname = edge-1\nlog_level = debug\ndrain_timeout = 2s\nworker_threads = 3\n"
         "plugin_dir = plugins\n"
         "[bridge.quotes]\n" BRIDGE "listen = tcp://127.0.0.1:5555, ipc:///tmp/q\ndial = tcp://hub:1\n"
         "receive_limit = 1MiB\nworker = fast\n");
    cr_assert_not_null(config, "%s", problems_text(&problems));
    cr_assert_str_eq(config->gateway.name, "edge-1");
    cr_assert_eq(config->gateway.log_level, LEAT_LOG_DEBUG);
    cr_assert_eq(config->gateway.drain_ns, 2000000000);
    cr_assert_eq(config->gateway.stall_ns, 5000000000, "the default");
    cr_assert_eq(config->gateway.worker_threads, 3);
    cr_assert(strncmp(config->gateway.plugin_dir, room, strlen(room)) == 0, "relative to the file");
    const struct config_bridge *bridge = &config->bridges[0];
    cr_assert_str_eq(bridge->name, "quotes");
    cr_assert_str_eq(bridge->section, "bridge.quotes");
    cr_assert_str_eq(bridge->worker, "fast");
    cr_assert_eq(bridge->direction, CONFIG_OUT);
    cr_assert_eq(bridge->receive_limit_bytes, 1 << 20);
    cr_assert_eq(bridge->listen.count, 2);
    cr_assert_str_eq(bridge->listen.items[1].scheme, "ipc");
    cr_assert_str_eq(bridge->listen.items[1].rest, "/tmp/q");
    cr_assert_str_eq(bridge->dial.items[0].text, "tcp://hub:1");
    cr_assert_eq(bridge->line, 7);
}

Test(config, lists_each_worker_once_in_order_of_appearance)
{
    load("[bridge.a]\n" BRIDGE "listen = x://1\nworker = w\n[bridge.b]\n" BRIDGE "listen = x://2\n[bridge.c]\n" BRIDGE
         "listen = x://3\nworker = w\n");
    cr_assert_not_null(config);
    cr_assert_str_eq(config_worker(config, 0), "w");
    cr_assert_str_eq(config_worker(config, 1), "b");
    cr_assert_null(config_worker(config, 2));
}

Test(config, reports_everything_in_one_run)
{
    cr_assert_str_eq(refusal("[gatway]\n[bridge.a]\npatern = x\nlisten = tcp:/h:1\nreceive_limit = 5\n"),
                     "leat.ini:1: [gatway]: unknown section; did you mean [gateway]?\n"
                     "leat.ini:2: [bridge.a] needs 'channel': the local channels, such as shm://quotes; several are "
                     "separated by commas\n"
                     "leat.ini:2: [bridge.a] needs 'direction': out (channel to network), in (network to channel) or "
                     "both\n"
                     "leat.ini:2: [bridge.a] needs 'pattern': who may say what to whom: the name of a pattern plugin, "
                     "such as pubsub or pipeline\n"
                     "leat.ini:3: [bridge.a] patern: unknown key; did you mean 'pattern'?\n"
                     "leat.ini:4: [bridge.a] listen = tcp:/h:1: expected scheme://rest; write 'tcp://h:1'\n"
                     "leat.ini:5: [bridge.a] receive_limit = 5: a size needs a unit; write 5B, 5KiB or 5MiB\n");
}

Test(config, lets_drop_ins_override_key_by_key_in_byte_order)
{
    char folder[128];
    snprintf(folder, sizeof(folder), "%s/conf.d", room);
    mkdir(folder, 0700);
    file_write(folder, "10-a.ini", "[gateway]\nname = ten\nrestart_min = 1s\n");
    file_write(folder, "9-b.ini", "[gateway]\nname = nine\n[bridge.b]\n" BRIDGE "listen = x://2\n");
    file_write(folder, "99.ini.bak", "[gateway]\nname = backup\n");
    file_write(folder, ".hidden.ini", "[gateway]\nname = hidden\n");
    load("[gateway]\nname = main\nrestart_max = 9s\n[bridge.a]\n" BRIDGE "listen = x://1\n");
    cr_assert_not_null(config, "%s", problems_text(&problems));
    cr_assert_str_eq(config->gateway.name, "nine", "'9' comes after '1'");
    cr_assert_eq(config->gateway.backoff_min_ns, 1000000000);
    cr_assert_eq(config->gateway.backoff_max_ns, 9000000000);
    cr_assert_eq(config->bridge_count, 2);
    const struct config_entry *entry = config_find(config, "gateway", "name");
    cr_assert(strstr(entry->file, "9-b.ini") != NULL && entry->line == 2, "%s:%u", entry->file, entry->line);
}

Test(config, blames_the_drop_in_that_is_wrong)
{
    char folder[128];
    snprintf(folder, sizeof(folder), "%s/conf.d", room);
    mkdir(folder, 0700);
    file_write(folder, "a.ini", "[gateway]\nlog_level = wranings\n");
    cr_assert_str_eq(refusal("[bridge.a]\n" BRIDGE "listen = x://1\n"),
                     "conf.d/a.ini:2: [gateway] log_level = wranings: expected error, warning, info or debug; did you "
                     "mean 'warning'?\n");
}

Test(config, expands_variables_files_and_dollars)
{
    setenv("LEAT_UNIT_PORT", "7001", 1);
    setenv("LEAT_UNIT_EMPTY", "", 1);
    file_write(room, "secret", "s3cret\n");
    load("[bridge.a]\n" BRIDGE
         "listen = tcp://h:${env:LEAT_UNIT_PORT}/${env:LEAT_UNIT_NONE:-d}${env:LEAT_UNIT_EMPTY:-e}\n"
         "x.key = a$$b-${file:secret}\n");
    cr_assert_not_null(config, "%s", problems_text(&problems));
    cr_assert_str_eq(config->bridges[0].listen.items[0].text, "tcp://h:7001/de");
    const struct config_entry *entry = config_find(config, "bridge.a", "x.key");
    cr_assert_str_eq(entry->value, "a$b-s3cret");
    cr_assert(entry->secret);
    cr_assert_not(config_find(config, "bridge.a", "listen")->secret);
}

Test(config, never_prints_what_came_from_a_file)
{
    file_write(room, "secret", "hunter2");
    const char *text = refusal("[bridge.a]\n" BRIDGE "listen = x://1\nreceive_limit = ${file:secret}\n");
    cr_assert_null(strstr(text, "hunter2"));
    cr_assert_str_eq(text, "leat.ini:6: [bridge.a] receive_limit = (secret): expected a size such as 64KiB or 4MiB "
                           "(units: B KiB MiB GiB, kB MB GB)\n");
}

Test(config, says_what_cannot_be_expanded)
{
    unsetenv("LEAT_UNIT_NONE");
    cr_assert_str_eq(
        refusal("[bridge.a]\n" BRIDGE "listen = x://${env:LEAT_UNIT_NONE}\nx.a = ${file:nowhere}\nx.b = $HOME\n"
                "x.c = ${HOME}\nx.d = ${env:HOME\n"),
        "leat.ini:5: [bridge.a] listen: the environment has no variable 'LEAT_UNIT_NONE'; set it, or write "
        "${env:LEAT_UNIT_NONE:-default}\n"
        "leat.ini:6: [bridge.a] x.a: ${file:nowhere} cannot be read: No such file or directory\n"
        "leat.ini:7: [bridge.a] x.b: a single '$'; write $$ for a dollar sign, or ${env:NAME}\n"
        "leat.ini:8: [bridge.a] x.c: '${HOME}' is unknown; expected ${env:NAME}, ${env:NAME:-default} or ${file:PATH}\n"
        "leat.ini:9: [bridge.a] x.d: '${' without its '}'\n");
}

Test(config, leaves_the_users_own_keys_and_sections_alone)
{
    load("[x-notes]\nanything = ${env:NOBODY}\n[gateway]\nx-owner = me\n[bridge.a]\n" BRIDGE
         "listen = x://1\nx-ticket.nr = $12\n");
    cr_assert_not_null(config, "%s", problems_text(&problems));
}

Test(config, refuses_names_that_cannot_become_files)
{
    cr_assert_str_eq(refusal("[gateway]\nname = a/b\n[bridge..a]\n" BRIDGE "listen = x://1\n"),
                     "leat.ini:2: [gateway] name = a/b: expected a name of at most 63 lower-case letters, digits, '.', "
                     "'_' and '-', a letter or digit first\n"
                     "leat.ini:3: [bridge..a]: expected [bridge.NAME] with a name of at most 63 lower-case letters, "
                     "digits, '.', '_' and '-', a letter or digit first\n");
}

Test(config, refuses_two_bridges_on_one_port)
{
    cr_assert_str_eq(refusal("[bridge.a]\n" BRIDGE "listen = tcp://127.0.0.1:5555\n[bridge.b]\n" BRIDGE
                             "listen = tcp4://0.0.0.0:5555\n"),
                     "leat.ini:10: [bridge.b] listen = tcp4://0.0.0.0:5555: [bridge.a] listens at tcp://127.0.0.1:5555 "
                     "already (leat.ini:5)\n");
}

Test(config, refuses_a_bridge_that_listens_twice_at_one_port)
{
    cr_assert_str_eq(
        refusal("[bridge.a]\n" BRIDGE "listen = tcp://127.0.0.1:5555, ws://127.0.0.1:80/a, "
                "ws://127.0.0.1:80/b, tcp://*:5555\n"),
        "leat.ini:5: [bridge.a] listen = tcp://*:5555: tcp://127.0.0.1:5555 in this list takes its port\n");
}

Test(config, lets_websocket_bridges_of_one_worker_share_a_port)
{
    load("[bridge.a]\n" BRIDGE "worker = web\nlisten = ws://127.0.0.1:80/a\n[bridge.b]\n" BRIDGE
         "worker = web\nlisten = ws://127.0.0.1:80/b\n");
    cr_assert_not_null(config, "%s", problems_text(&problems));
    config_free(config);
    cr_assert_str_eq(refusal("[bridge.a]\n" BRIDGE "listen = ws://127.0.0.1:80/a\n[bridge.b]\n" BRIDGE
                             "listen = ws://127.0.0.1:80/b\n"),
                     "leat.ini:10: [bridge.b] listen = ws://127.0.0.1:80/b: [bridge.a] listens at ws://127.0.0.1:80/a "
                     "already (leat.ini:5); bridges that share a WebSocket port run in one worker: give both the same "
                     "'worker'\n");
}

Test(config, wants_one_reply_channel_that_is_no_other)
{
    static const char *const wrong[][2] = {
        {"", "[bridge.a] reply_channel: expected one URL, such as shm://a.replies"},
        {"shm://b, shm://c", "[bridge.a] reply_channel: expected one URL, such as shm://a.replies"},
        {"shm://q",
         "[bridge.a] reply_channel = shm://q: this is the bridge's 'channel'; a reply_channel is another one"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        char *text = memory_format("[bridge.a]\n" BRIDGE "listen = x://1\nreply_channel = %s\n", wrong[i][0]);
        char *sentence = memory_format("leat.ini:6: %s\n", wrong[i][1]);
        cr_expect_str_eq(refusal(text), sentence);
        problems_fini(&problems);
        free(sentence);
        free(text);
    }
}

Test(config, lets_two_bridges_listen_where_they_do_not_meet)
{
    load("[bridge.a]\n" BRIDGE "listen = tcp://127.0.0.1:5555, tcp://127.0.0.1:0, ipc:///a\n[bridge.b]\n" BRIDGE
         "listen = tcp://127.0.0.2:5555, tcp://127.0.0.1:0, tcp6://[::1]:5555, ipc:///b\n");
    cr_assert_not_null(config, "%s", problems_text(&problems));
}

Test(config, wants_a_bridge_with_somewhere_to_go)
{
    cr_assert_str_eq(refusal("[gateway]\nname = a\n"), "leat.ini: no [bridge.NAME] section: nothing to do\n");
    problems_fini(&problems);
    cr_assert_str_eq(refusal("[bridge.a]\n" BRIDGE),
                     "leat.ini:1: [bridge.a] needs 'listen' or 'dial': a URL such as tcp://127.0.0.1:5555\n");
    problems_fini(&problems);
    cr_assert_str_eq(refusal("[bridge.a]\npattern = bus\ndirection = both\nchannel = shm://a, shm://b\ndial = x://1\n"),
                     "leat.ini:4: [bridge.a] channel: direction = both takes one channel, here are 2\n");
}

Test(config, gives_every_key_of_its_own_a_sentence_of_help)
{
    for (size_t i = 0; i < schema_gateway_count; i++)
        cr_expect_not_null(schema_gateway[i].help, "%s", schema_gateway[i].name);
    for (size_t i = 0; i < schema_bridge_count; i++)
        cr_expect_not_null(schema_bridge[i].help, "%s", schema_bridge[i].name);
}

Test(config, explains_every_key_in_its_manual_page)
{
    FILE *file = fopen(LEAT_MAN_PAGE, "r");
    cr_assert_not_null(file);
    char page[65536];
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    const struct leat_option *tables[] = {schema_gateway, schema_bridge};
    const size_t counts[] = {schema_gateway_count, schema_bridge_count};
    for (size_t table = 0; table < 2; table++) {
        for (size_t i = 0; i < counts[table]; i++) {
            char entry[128];
            snprintf(entry, sizeof(entry), "\n.TP\n.BR %s ", tables[table][i].name);
            cr_expect_not_null(strstr(page, entry), "leat.ini(5) has no entry for '%s'", tables[table][i].name);
            const char *text = tables[table][i].default_text;
            cr_expect(text == NULL || strstr(page, text) != NULL, "leat.ini(5) does not give the default %s", text);
        }
    }
}
