#include "plugin/resolve.h"

#include "support_config.h"

#include <criterion/criterion.h>

static char room[64];
static struct problems problems;
static struct config *config;
static struct registry *registry;
static struct resolved_bridge resolved;

static void move_in(void)
{
    char explain[256];
    folder_make(room, sizeof(room));
    cr_assert_eq(registry_open(&registry, LEAT_TEST_PLUGINS, explain, sizeof(explain)), 0, "%s", explain);
}

static void move_out(void)
{
    resolved_bridge_fini(&resolved);
    registry_close(registry);
    config_free(config);
    problems_fini(&problems);
    folder_remove(room);
}

TestSuite(resolve, .init = move_in, .fini = move_out);

/* Resolves [bridge.a] of `text` and asks its plugins; everything wrong, without the file's name. */
static const char *judge(const char *text)
{
    static char result[8192];
    const char *file = file_write(room, "leat.ini", text);
    config = config_read(file, &problems);
    cr_assert_not_null(config, "%s", problems_text(&problems));
    resolve_bridge(&resolved, config, &config->bridges[0], registry, &problems);
    resolved_bridge_check(&resolved, NULL, NULL);
    const char *from = problems_text(&problems);
    size_t len = 0;
    while (*from != '\0' && len < sizeof(result) - 1) {
        if (strncmp(from, file, strlen(file)) == 0)
            from += strlen(file) + 1;
        else
            result[len++] = *from++;
    }
    result[len] = '\0';
    return result;
}

Test(resolve, finds_every_plugin_and_fills_its_options)
{
    struct every { /* as tests/support/broken/every.c has it */
        const char *text, *path, *secret;
        const char *const *list;
        int64_t number, pause_ns;
        uint64_t size_bytes;
        uint32_t flag, choice, mode;
    };
    cr_assert_str_empty(judge("[bridge.a]\npattern = every\ndirection = out\nchannel = mem://one, mem://two\n"
                              "listen = net://h:1\ndial = net4://h:2\nevery.list = x, y\nevery.flag = on\n"
                              "every.choice = wait\nevery.size = 64KiB\nevery.path = key\n"));
    const struct every *options = resolved.pattern_options.values;
    cr_assert_str_eq(options->text, "plain");
    cr_assert_str_eq(options->list[1], "y");
    cr_assert_eq(options->pause_ns, -1);
    cr_assert_eq(options->size_bytes, 65536);
    cr_assert_eq(options->flag, 1);
    cr_assert_eq(options->choice, 1);
    cr_assert_eq(options->mode, 0600);
    cr_assert(options->path[0] == '/' && strstr(options->path, "/key") != NULL);
    cr_assert_eq(resolved.view.channel_count, 2);
    cr_assert_str_eq(resolved.view.channel_names[1], "two");
    cr_assert_str_eq(resolved.channels[0].where, "one");
    cr_assert_eq(resolved.endpoint_count, 2);
    cr_assert_eq(resolved.endpoints[0].endpoint.listen, 1);
    cr_assert_str_eq(resolved.endpoints[1].endpoint.url, "net4://h:2");
    cr_assert_eq(resolved.engine, resolved.endpoints[0].plugin);
}

Test(resolve, names_the_plugin_that_an_option_was_meant_for)
{
    cr_assert_str_eq(judge("[bridge.a]\npattern = every\ndirection = out\nchannel = mem://one\nlisten = net://h:1\n"
                           "evry.text = x\nother.text = y\nevery.txet = z\nx-my.own = 1\nmem.size = 1B\n"),
                     "6: [bridge.a] evry.text: no plugin of bridge 'a' is called 'evry'; did you mean 'every'?\n"
                     "7: [bridge.a] other.text: no plugin of bridge 'a' is called 'other'\n"
                     "8: [bridge.a] every.txet: unknown key; did you mean 'every.text'?\n"
                     "10: [bridge.a] mem.size: unknown key; mem has no options\n");
}

Test(resolve, reports_a_wrong_option_once_for_several_urls_of_one_plugin)
{
    cr_assert_str_eq(judge("[bridge.a]\npattern = every\ndirection = out\nchannel = mem://one\n"
                           "listen = net://h:1, net://h:2\nnet.any = 1\n"),
                     "6: [bridge.a] net.any: unknown key; net has no options\n");
}

Test(resolve, puts_a_blame_where_the_option_stands)
{
    cr_assert_str_eq(judge("[bridge.a]\npattern = every\ndirection = out\nchannel = mem://one, mem://crooked\n"
                           "listen = net://h:1, net://taken\nevery.number = 13\nevery.secret = hunter2\n"),
                     "1: [bridge.a] every.size: is to blame as well\n"
                     "4: [bridge.a] channel = mem://crooked: cannot be read\n"
                     "4: [bridge.a] channel = mem://one, mem://crooked: has the wrong colour\n"
                     "5: [bridge.a] listen = net://taken: is taken\n"
                     "6: [bridge.a] every.number = 13: thirteen is unlucky\n"
                     "7: [bridge.a] every.secret = (secret): is too short\n");
}

static bool serves_taken(const char *url, void *user)
{
    (void)user;
    return strcmp(url, "net://taken") == 0;
}

Test(resolve, does_not_mind_an_address_that_this_gateway_serves_itself)
{
    judge("[bridge.a]\npattern = every\ndirection = out\nchannel = mem://one\nlisten = net://taken\n");
    cr_assert_eq(problems.count, 1);
    cr_assert_eq(resolved_bridge_check(&resolved, serves_taken, NULL), 0);
}

Test(resolve, refuses_what_does_not_fit_together)
{
    cr_assert_str_eq(judge("[bridge.a]\npattern = every\ndirection = in\nchannel = mem://one\n"
                           "listen = net://h:1\ndial = alien://h\n"),
                     "3: [bridge.a] direction = in: pattern 'every' has no such direction; it has out\n"
                     "6: [bridge.a] dial = alien://h: one bridge has one socket, and 'alien' (other/1) cannot share "
                     "that of 'net' (test/1)\n");
}

Test(resolve, reports_every_plugin_that_is_missing)
{
    cr_assert_str_eq(judge("[bridge.a]\npattern = evry\ndirection = out\nchannel = men://one\nlisten = nte://h\n"
                           "every.text = not judged while plugins are missing\n"),
                     "2: [bridge.a] pattern = evry: no plugin 'evry' in " LEAT_TEST_PLUGINS "; did you mean 'every'?\n"
                     "4: [bridge.a] channel = men://one: no plugin 'men' in " LEAT_TEST_PLUGINS
                     "; did you mean 'mem'?\n"
                     "5: [bridge.a] listen = nte://h: no transport plugin in " LEAT_TEST_PLUGINS
                     " serves 'nte://'; did you mean 'net://'?\n");
}

Test(resolve, goes_on_after_problems_of_the_configuration_itself)
{
    cr_assert_str_eq(judge("[bridge.a]\npattern = every\ndirection = sideways\nchannel = mem://crooked\n"
                           "listen = net://taken\nreceive_limit = 5\nevery.number = 65\nevery.flag = x;y\n"),
                     "3: [bridge.a] direction = sideways: expected out, in or both\n"
                     "5: [bridge.a] listen = net://taken: is taken\n"
                     "6: [bridge.a] receive_limit = 5: a size needs a unit; write 5B, 5KiB or 5MiB\n"
                     "7: [bridge.a] every.number = 65: expected 1 to 64\n"
                     "8: [bridge.a] every.flag: ';' starts a comment here and leaves only 'x'; put the value in double "
                     "quotes, or a blank before a comment\n");
}

Test(resolve, judges_no_option_of_a_plugin_whose_name_was_not_understood)
{
    cr_assert_str_eq(judge("[bridge.a]\ndirection = out\nchannel = mem:/one\nlisten = net://h:1\n"
                           "every.number = 65\nmem.any = 1\n"),
                     "1: [bridge.a] needs 'pattern': who may say what to whom: the name of a pattern plugin, such as "
                     "pubsub or pipeline\n"
                     "3: [bridge.a] channel = mem:/one: expected scheme://rest; write 'mem://one'\n");
}

#define ASKS "[bridge.a]\npattern = asks\ndirection = in\nlisten = net://h:1\n"

Test(resolve, gives_a_pattern_that_answers_both_of_its_channels)
{
    cr_assert_str_eq(judge(ASKS "channel = mem://one\nreply_channel = mem://two\n"),
                     "6: [bridge.a] reply_channel = mem://two: a of leat, 1, one, keeps none\n");
    cr_assert_str_eq(resolved.view.reply_channel_name, "two");
    cr_assert_eq(resolved_bridge_read(&resolved).items, resolved.reply);
    cr_assert_eq(resolved_bridge_read(&resolved).count, 1);
    cr_assert_eq(resolved_bridge_written(&resolved).items, resolved.channels);
}

Test(resolve, asks_the_plugin_of_the_reply_channel_too_and_blames_it_there)
{
    cr_assert_str_eq(judge(ASKS "channel = mem://one\nreply_channel = mem://crooked\n"),
                     "6: [bridge.a] reply_channel = mem://crooked: a of leat, 1, one, keeps none\n"
                     "6: [bridge.a] reply_channel = mem://crooked: cannot be read\n");
}

Test(resolve, refuses_a_pattern_that_answers_without_a_way_for_answers)
{
    cr_assert_str_eq(
        judge(ASKS "channel = mem://one, mem://two\n"),
        "2: [bridge.a] pattern = asks: answers travel on a channel of their own; give the bridge one: "
        "reply_channel = shm://a.replies\n"
        "5: [bridge.a] channel = mem://one, mem://two: pattern 'asks' takes one channel for all questions, "
        "here are 2\n");
}

Test(resolve, complains_once_about_a_reply_channel_and_judges_nothing_by_it)
{
    cr_assert_str_eq(judge(ASKS "channel = mem://crooked\nreply_channel = mem:/two\n"),
                     "6: [bridge.a] reply_channel = mem:/two: expected scheme://rest; write 'mem://two'\n");
}

Test(resolve, refuses_a_reply_channel_where_nothing_is_answered)
{
    cr_assert_str_eq(judge("[bridge.a]\npattern = every\ndirection = out\nchannel = mem://one\nlisten = net://h:1\n"
                           "reply_channel = mem://two\n"),
                     "6: [bridge.a] reply_channel = mem://two: pattern 'every' brings no answers back with direction = "
                     "out; leave reply_channel out\n");
}
