#include "config/ini_write.h"

#include "config/ini.h"
#include "config/memory.h"

#include <stdlib.h>
#include <string.h>

/* Whether the line, as the only one of a section, is understood as it is meant. */
static bool says(const char *line, const char *key, const char *value)
{
    char *text = memory_format("[x]\n%s\n", line);
    struct problems problems = {0};
    struct ini ini = {0};
    ini_scan(&ini, text, strlen(text), "", &problems);
    const bool result = problems.count == 0 && ini.entry_count == 1 && strcmp(ini.entries[0].key, key) == 0 &&
                        strcmp(ini.entries[0].value, value) == 0;
    ini_fini(&ini);
    problems_fini(&problems);
    free(text);
    return result;
}

char *ini_write_entry(const char *key, const char *value, const char *comment)
{
    static const char *const quotes[] = {"", "\"", "'"};
    for (size_t i = 0; i < sizeof(quotes) / sizeof(*quotes); i++) {
        char *line = memory_format("%s = %s%s%s%s%s", key, quotes[i], value, quotes[i], comment != NULL ? " ; " : "",
                                   comment != NULL ? comment : "");
        if (says(line, key, value))
            return line;
        free(line);
    }
    return NULL;
}
