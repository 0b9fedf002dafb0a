#include "plugin/registry.h"

#include "support_config.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>

static struct registry *registry;
static char explain[512];

static void leave(void)
{
    registry_close(registry);
}

TestSuite(registry, .fini = leave);

static void enter(const char *folder)
{
    cr_assert_eq(registry_open(&registry, folder, explain, sizeof(explain)), 0, "%s", explain);
}

static const struct plugin *find_pattern(const char *name)
{
    return registry_find(registry, LEAT_PLUGIN_PATTERN, name, explain, sizeof(explain));
}

/* ---- plugins that work ------------------------------------------------------------------------------------------- */

Test(registry, loads_a_plugin_by_name_and_only_once)
{
    enter(LEAT_TEST_PLUGINS);
    const struct plugin *plugin = find_pattern("every");
    cr_assert_not_null(plugin, "%s", explain);
    cr_assert_str_eq(plugin->table.name, "every");
    cr_assert_not_null(plugin->pattern.check);
    cr_assert_eq(plugin->table.pattern, &plugin->pattern, "the host's own copy");
    cr_assert_eq(find_pattern("every"), plugin);
    cr_assert(strstr(plugin->file, "/every.so") != NULL);
}

Test(registry, takes_what_it_knows_of_a_plugin_with_longer_structs)
{
    enter(LEAT_TEST_PLUGINS);
    const struct plugin *plugin = find_pattern("newer");
    cr_assert_not_null(plugin, "%s", explain);
    cr_assert_eq(plugin->table.option_count, 2);
    cr_assert_str_eq(plugin->table.options[1].name, "second", "rows are as far apart as the plugin says");
    cr_assert_str_eq(plugin->table.options[1].default_text, "2KiB");
}

Test(registry, finds_a_transport_by_any_of_its_schemes)
{
    enter(LEAT_TEST_PLUGINS);
    const struct plugin *plugin = registry_find_scheme(registry, "net4", explain, sizeof(explain));
    cr_assert_not_null(plugin, "%s", explain);
    cr_assert_str_eq(plugin->table.name, "net");
    cr_assert_eq(registry_find_scheme(registry, "net", explain, sizeof(explain)), plugin);
}

static void note(const char *file, void *user)
{
    snprintf(user, 256, "%s", strrchr(file, '/') + 1);
}

Test(registry, announces_a_file_before_it_runs_any_of_its_code)
{
    char announced[256] = "";
    enter(LEAT_TEST_PLUGINS);
    registry_on_load(registry, note, announced);
    find_pattern("every");
    cr_assert_str_eq(announced, "every.so");
}

Test(registry, lists_the_folder_without_loading_anything)
{
    char announced[256] = "";
    enter(LEAT_TEST_PLUGINS);
    registry_on_load(registry, note, announced);
    const char *const *names = registry_names(registry);
    cr_assert_str_eq(names[0], "alien");
    cr_assert_str_eq(names[1], "asks");
    cr_assert_str_empty(announced);
}

/* ---- plugins that are not there, or not what was asked for ------------------------------------------------------- */

Test(registry, suggests_the_name_that_was_meant)
{
    enter(LEAT_TEST_PLUGINS);
    cr_assert_null(find_pattern("evry"));
    cr_assert_str_eq(explain, "no plugin 'evry' in " LEAT_TEST_PLUGINS "; did you mean 'every'?");
    cr_assert_null(find_pattern("../plugins/pubsub"));
    cr_assert_str_eq(explain,
                     "no plugin '../plugins/pubsub' in " LEAT_TEST_PLUGINS "; 'leat plugins' lists what there is");
}

Test(registry, says_of_which_kind_a_plugin_is)
{
    enter(LEAT_TEST_PLUGINS);
    cr_assert_null(find_pattern("mem"));
    cr_assert_str_eq(explain, "plugin 'mem' is a channel, here a pattern is needed");
}

Test(registry, refuses_the_second_plugin_for_a_scheme)
{
    enter(LEAT_TEST_PLUGINS);
    cr_assert_not_null(registry_find_scheme(registry, "net4", explain, sizeof(explain)));
    cr_assert_null(registry_find(registry, LEAT_PLUGIN_TRANSPORT, "twin", explain, sizeof(explain)));
    cr_assert_str_eq(explain, "plugin twin.so serves the scheme 'net4', as plugin net.so does already");
}

Test(registry, refuses_each_broken_plugin_with_a_sentence)
{
    static const struct {
        const char *name, *sentence;
    } broken[] = {
        {"no-symbol",
         "plugin no-symbol.so has no symbol leat_plugin_v1: it is no leat plugin, or one for another interface"},
        {"too-new", "plugin too-new.so needs interface minor 3, this gateway has 2"},
        {"too-small", "plugin too-small.so has a table of 16 bytes; the least that works is 96: it was built against "
                      "something else"},
        {"small-ops",
         "plugin small-ops.so has a table of pattern functions of 24 bytes; the least that works is 72: it "
         "was built against something else"},
        {"unknown-kind",
         "plugin unknown-kind.so is of kind 7, which this gateway does not know (1 channel, 2 pattern, 3 "
         "transport)"},
        {"wrong-kind", "plugin wrong-kind.so says that it is a transport but has no table of transport functions"},
        {"missing-slot", "plugin missing-slot.so has no 'socket', which every pattern plugin needs"},
        {"missing-slots", "plugin missing-slots.so has no 'create', 'socket', which every pattern plugin needs"},
        {"bad-count", "plugin bad-count.so has 1 bytes as the size of row 1 of its options, and 64 before: is "
                      "option_count, 2, right?"},
        {"bad-name", "plugin bad-name.so has an option 'One'; a name is made of a to z, 0 to 9, '_', '-' and '.'"},
        {"other-name", "plugin other-name.so calls itself 'pubsub'; the file's name and the plugin's must be the same"},
        {"bad-default",
         "plugin bad-default.so has a wrong default, pause = 5: a duration needs a unit; write 5ms, 5s or "
         "5m"},
        {"bad-row", "plugin bad-row.so has an option 'two' that lies outside of its options struct"},
        {"undefined-symbol", "plugin undefined-symbol.so cannot be loaded: " LEAT_BROKEN_PLUGINS
                             "/undefined-symbol.so: undefined symbol: nobody_provides_this"},
        {"not-elf", "plugin not-elf.so cannot be loaded: " LEAT_BROKEN_PLUGINS "/not-elf.so: file too short"},
    };
    enter(LEAT_BROKEN_PLUGINS);
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        for (int turn = 0; turn < 2; turn++) { /* the same answer when it is asked again */
            explain[0] = '\0';
            cr_expect_null(find_pattern(broken[i].name));
            cr_expect_str_eq(explain, broken[i].sentence);
        }
    }
}

/* ---- the folder --------------------------------------------------------------------------------------------------- */

Test(registry, trusts_no_folder_that_others_can_write)
{
    char room[64], expected[256];
    folder_make(room, sizeof(room));
    chmod(room, 0777);
    cr_expect_eq(registry_open(&registry, room, explain, sizeof(explain)), -EPERM);
    snprintf(expected, sizeof(expected),
             "%s can be written by everyone; plugins are not loaded from there (chmod o-w %s)", room, room);
    cr_expect_str_eq(explain, expected);
    folder_remove(room);
    cr_expect_eq(registry_open(&registry, "/nonexistent", explain, sizeof(explain)), -ENOENT);
    cr_expect_str_eq(explain, "the plugin folder /nonexistent cannot be used: No such file or directory");
    cr_expect_eq(registry_open(&registry, "/dev/null", explain, sizeof(explain)), -ENOTDIR);
}

Test(registry, trusts_no_file_that_others_can_write)
{
    char room[64];
    folder_make(room, sizeof(room));
    chmod(file_write(room, "open.so", "x"), 0666);
    enter(room);
    cr_expect_null(find_pattern("open"));
    cr_expect(strstr(explain, "/open.so can be written by everyone") != NULL, "%s", explain);
    folder_remove(room);
}

/* A folder of links, as a package manager of its own makes one; what they lead to finds its libraries beside itself. */
Test(registry, loads_the_file_that_a_link_leads_to)
{
    char room[64], link[128], library[128];
    folder_make(room, sizeof(room));
    snprintf(link, sizeof(link), "%s/every.so", room);
    cr_assert_eq(symlink(LEAT_TEST_PLUGINS "/every.so", link), 0);
    enter(room);
    cr_assert_not_null(find_pattern("every"), "%s", explain);
    snprintf(library, sizeof(library), "%s/every.so", LEAT_TEST_PLUGINS);
    void *loaded = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
    struct link_map *map;
    cr_assert(loaded != NULL && dlinfo(loaded, RTLD_DI_LINKMAP, &map) == 0);
    cr_expect_str_eq(map->l_name, library, "$ORIGIN is the folder of this name");
    dlclose(loaded);
    folder_remove(room);
}

Test(registry, trusts_no_link_into_a_folder_that_others_can_write)
{
    char room[64], elsewhere[64], link[128];
    folder_make(room, sizeof(room));
    folder_make(elsewhere, sizeof(elsewhere));
    snprintf(link, sizeof(link), "%s/far.so", room);
    cr_assert_eq(symlink(file_write(elsewhere, "far.so", "x"), link), 0);
    chmod(elsewhere, 0777);
    enter(room);
    cr_expect_null(find_pattern("far"));
    cr_expect(strncmp(explain, elsewhere, strlen(elsewhere)) == 0 && strstr(explain, "can be written by everyone"),
              "%s", explain);
    folder_remove(room);
    folder_remove(elsewhere);
}

Test(registry, trusts_no_folder_of_another_user)
{
    char room[64];
    if (geteuid() != 0)
        cr_skip("only root can give a folder away");
    folder_make(room, sizeof(room));
    cr_assert_eq(chown(room, 12345, 12345), 0);
    cr_expect_eq(registry_open(&registry, room, explain, sizeof(explain)), -EPERM);
    cr_expect(strstr(explain, "belongs to user 12345") != NULL, "%s", explain);
    folder_remove(room);
}
