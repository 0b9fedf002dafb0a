#include "config/config.h"

#include "support_config.h"

#include <criterion/criterion.h>

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

TestSuite(like, .init = move_in, .fini = move_out);

static void load(const char *text)
{
    config = config_load(file_write(room, "leat.ini", text), &problems);
    cr_assert_not_null(config, "%s", problems_text(&problems));
}

/* Why it is refused, without the folder's name. */
static const char *refusal(const char *text)
{
    static char result[4096];
    config = config_load(file_write(room, "leat.ini", text), &problems);
    cr_assert_null(config, "this was accepted: %s", text);
    size_t len = 0;
    for (const char *from = problems_text(&problems); *from != '\0' && len < sizeof(result) - 1;) {
        if (strncmp(from, room, strlen(room)) == 0)
            from += strlen(room) + 1;
        else
            result[len++] = *from++;
    }
    result[len] = '\0';
    return result;
}

static const struct config_entry *entry(const char *section, const char *key)
{
    const struct config_entry *found = config_find(config, section, key);
    cr_assert_not_null(found, "[%s] has no %s", section, key);
    return found;
}

#define TEMPLATE "[template.base]\npattern = pubsub\ndirection = out\nreceive_limit = 1MiB\ntls.cert = c.pem\n"

Test(like, a_bridge_takes_what_it_does_not_say_itself)
{
    load(TEMPLATE "[bridge.a]\nlike = base\nchannel = shm://a\nlisten = x://1\nreceive_limit = 2MiB\n");
    const struct config_bridge *bridge = &config->bridges[0];
    cr_assert_eq(config->bridge_count, 1, "a template is no bridge");
    cr_assert_str_eq(bridge->pattern, "pubsub");
    cr_assert_eq(bridge->receive_limit_bytes, 2 << 20, "its own word counts");
    cr_assert_str_eq(entry("bridge.a", "tls.cert")->value, "c.pem", "a plugin's option too");
}

Test(like, what_is_taken_keeps_its_place)
{
    load(TEMPLATE "[bridge.a]\nlike = base\nchannel = shm://a\nlisten = x://1\n");
    const struct config_entry *pattern = entry("bridge.a", "pattern"), *channel = entry("bridge.a", "channel");
    cr_assert_str_eq(pattern->origin, "template.base");
    cr_assert_eq(pattern->line, 2);
    cr_assert_str_eq(channel->origin, "bridge.a");
    cr_assert_eq(channel->line, 8);
}

Test(like, the_nearer_one_of_a_chain_wins)
{
    load(TEMPLATE "[template.near]\nlike = base\nreceive_limit = 3MiB\n"
                  "[bridge.a]\nlike = near\nchannel = shm://a\nlisten = x://1\n"
                  "[bridge.b]\nlike = a\nlisten = x://2\n");
    cr_assert_eq(config->bridges[0].receive_limit_bytes, 3 << 20);
    cr_assert_eq(config->bridges[1].receive_limit_bytes, 3 << 20);
    cr_assert_str_eq(config->bridges[1].channels.items[0].text, "shm://a", "taken from a bridge");
    cr_assert_str_eq(entry("bridge.b", "receive_limit")->origin, "template.near");
    cr_assert_str_eq(config->bridges[1].worker, "b", "a default is not taken");
}

Test(like, a_template_comes_before_a_bridge_of_that_name)
{
    load(TEMPLATE "[bridge.base]\nlike = base\nchannel = shm://a\nlisten = x://1\n");
    cr_assert_str_eq(config->bridges[0].pattern, "pubsub");
}

Test(like, a_drop_in_changes_a_template_for_all_that_are_like_it)
{
    char folder[128];
    snprintf(folder, sizeof(folder), "%s/conf.d", room);
    mkdir(folder, 0700);
    file_write(folder, "1.ini", "[template.base]\nreceive_limit = 7MiB\n");
    load(TEMPLATE "[bridge.a]\nlike = base\nchannel = shm://a\nlisten = x://1\n");
    cr_assert_eq(config->bridges[0].receive_limit_bytes, 7 << 20);
    cr_assert_not_null(strstr(entry("bridge.a", "receive_limit")->file, "conf.d/1.ini"));
}

Test(like, a_secret_stays_one)
{
    file_write(room, "word", "hush\n");
    load("[template.base]\npattern = pubsub\nx.word = ${file:word}\n"
         "[bridge.a]\nlike = base\ndirection = out\nchannel = shm://a\nlisten = x://1\n");
    const struct config_entry *word = entry("bridge.a", "x.word");
    cr_assert_str_eq(word->value, "hush");
    cr_assert_str_eq(word->written, "${file:word}");
    cr_assert_str_eq(config_shown(word), "(secret)");
}

Test(like, a_name_that_nobody_has_is_the_only_complaint)
{
    cr_assert_str_eq(refusal(TEMPLATE "[bridge.a]\nlike = bsae\n[bridge.b]\nlike = else\n[bridge.c]\nlike =\n"),
                     "leat.ini:7: [bridge.a] like = bsae: there is no template or bridge of that name; did you mean "
                     "'base'?\n"
                     "leat.ini:9: [bridge.b] like = else: there is neither a [template.else] nor a [bridge.else]\n"
                     "leat.ini:11: [bridge.c] like: expected the name of a template or a bridge\n");
}

Test(like, a_circle_is_shown_once)
{
    cr_assert_str_eq(refusal("[template.x]\nlike = y\n[template.y]\nlike = z\n[template.z]\nlike = x\n"
                             "[bridge.a]\nlike = x\n[bridge.b]\nlike = b\n"),
                     "leat.ini:2: [template.x] like = y: a circle: [template.x] is like [template.y], which is like "
                     "[template.z], which is like [template.x]\n"
                     "leat.ini:10: [bridge.b] like = b: a circle: [bridge.b] is like [bridge.b]\n");
}

Test(like, what_is_wrong_in_a_template_is_said_once_and_there)
{
    cr_assert_str_eq(refusal("[template.t]\npatern = pubsub\nreceive_limit = 5\nlisten = tcp:/h\ndirection = out\n"
                             "[bridge.a]\nlike = t\npattern = pubsub\nchannel = shm://a\n"
                             "[bridge.b]\nlike = a\nchannel = shm://b\n[template.unused]\nworkr = w\n"),
                     "leat.ini:2: [template.t] patern: unknown key; did you mean 'pattern'?\n"
                     "leat.ini:3: [template.t] receive_limit = 5: a size needs a unit; write 5B, 5KiB or 5MiB\n"
                     "leat.ini:4: [template.t] listen = tcp:/h: expected scheme://rest; write 'tcp://h'\n"
                     "leat.ini:14: [template.unused] workr: unknown key; did you mean 'worker'?\n");
}
