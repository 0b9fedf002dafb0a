/* Of the file and the table in it. */
#include "elf.h"
#include "plugin/table.h"
#include "subject.h"
#include "tests.h"
#include "traces.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* ---- symbols --------------------------------------------------------------------------------------------------------- */

struct exports {
    unsigned count; /* of leat_plugin_v1 */
    char other[128];
};

static bool note_export(const struct elf_symbol *symbol, void *user)
{
    struct exports *exports = user;
    bool sanitizer = strncmp(symbol->name, "__odr_asan", 10) == 0;
    if (!symbol->defined || sanitizer)
        return true;
    if (strcmp(symbol->name, LEAT_PLUGIN_SYMBOL) == 0)
        exports->count++;
    else if (!exports->other[0])
        snprintf(exports->other, sizeof exports->other, "%s", symbol->name);
    return true;
}

static void exports_one_symbol(void)
{
    struct exports exports = {0};
    char explain[128];
    test_require(elf_symbols(test_subject.file, note_export, &exports, explain, sizeof explain), "%s", explain);
    test_require(exports.count > 0, "it does not export " LEAT_PLUGIN_SYMBOL);
    test_require(!exports.other[0],
                 "it exports %s too; expected " LEAT_PLUGIN_SYMBOL " alone (compile with -fvisibility=hidden)",
                 exports.other);
}

/* dlsym looks into the plugin and what it was linked with, not into the program that loads it. */
static bool is_provided(const struct elf_symbol *symbol, void *user)
{
    char *missing = user;
    bool sanitizer = strncmp(symbol->name, "__asan", 6) == 0 || strncmp(symbol->name, "__ubsan", 7) == 0 ||
                     strncmp(symbol->name, "__tsan", 6) == 0 || strncmp(symbol->name, "__sanitizer", 11) == 0;
    if (symbol->defined || symbol->weak || sanitizer || dlsym(test_subject.object, symbol->name))
        return true;
    snprintf(missing, 128, "%s", symbol->name);
    return false;
}

static void needs_only_its_libraries(void)
{
    char missing[128] = "", explain[128];
    subject_open();
    elf_symbols(test_subject.file, is_provided, missing, explain, sizeof explain);
    test_require(!missing[0],
                 "it uses %s, which it was not linked with and another program need not have (link with -Wl,-z,defs)",
                 missing);
}

/* ---- loading --------------------------------------------------------------------------------------------------------- */

static void can_be_loaded(void)
{
    subject_open();
}

static void loading_starts_nothing(void)
{
    struct traces before;
    traces_take(&before);
    subject_open();
    traces_require(&before, "being loaded");
    traces_fini(&before);
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

static void table_is_good(void)
{
    subject_load();
}

static void require_text(const char *name, const char *text)
{
    test_require(text && *text, "its table has no %s; expected a text, which `leat plugins` shows", name);
}

static void describes_itself(void)
{
    subject_load();
    const struct leat_plugin *table = &test_subject.plugin.table;
    require_text("version", table->version);
    require_text("summary", table->summary);
    require_text("reference", table->reference);
    require_text("licence", table->licence);
    test_require(!strchr(table->summary, '\n'), "its summary has more than one line");
    for (uint32_t i = 0; i < table->option_count; i++)
        test_require(table->options[i].help && *table->options[i].help, "its option '%s' has no help",
                     table->options[i].name);
}

static void options_have_names_of_their_own(void)
{
    subject_load();
    const struct leat_plugin *table = &test_subject.plugin.table;
    for (uint32_t i = 0; i < table->option_count; i++)
        for (uint32_t k = 0; k < i; k++)
            test_require(strcmp(table->options[i].name, table->options[k].name) != 0, "it has two options '%s'",
                         table->options[i].name);
}

const struct test_row table_tests[] = {
    {"it exports leat_plugin_v1 and nothing else", exports_one_symbol, TEST_LOAD_LIMIT, false},
    {"it can be loaded", can_be_loaded, TEST_LOAD_LIMIT, true},
    {"it needs only the libraries that it was linked with", needs_only_its_libraries, TEST_LOAD_LIMIT, false},
    {"its table is one that the gateway takes", table_is_good, TEST_LOAD_LIMIT, true},
    {"it describes itself and its options", describes_itself, TEST_LOAD_LIMIT, false},
    {"its options have names of their own", options_have_names_of_their_own, TEST_LOAD_LIMIT, false},
    {"being loaded opens and starts nothing", loading_starts_nothing, TEST_LOAD_LIMIT, false},
    {NULL, NULL, 0, false},
};
