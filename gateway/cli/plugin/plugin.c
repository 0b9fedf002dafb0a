/* leat plugin: what a plugin's author needs. */
#include "cli/command.h"

#include "cli/plugin/new.h"
#include "cli/plugin/test.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct task {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct task tasks[] = {
    {"new", plugin_new, "make a folder with a plugin that works, to start from"},
    {"test", plugin_test, "try a compiled plugin on everything that the interface promises"},
};
enum { TASK_COUNT = sizeof tasks / sizeof tasks[0] };

static void list(FILE *out)
{
    fputs("Usage: leat plugin TASK [ARGUMENT...]\n\nTasks:\n", out);
    for (size_t i = 0; i < TASK_COUNT; i++) {
        fprintf(out, "  %-10s %s\n", tasks[i].name, tasks[i].summary);
    }
    fputs("\n`leat plugin TASK --help` explains a task; `leat plugins` shows the plugins that are there.\n", out);
}

int command_plugin(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)) {
        list(stdout);
        return 0;
    }
    if (argc < 2) {
        list(stderr);
        return EX_USAGE;
    }
    for (size_t i = 0; i < TASK_COUNT; i++) {
        if (strcmp(tasks[i].name, argv[1]) == 0) {
            static char full_name[32];
            snprintf(full_name, sizeof full_name, "leat plugin %s", tasks[i].name);
            argv[1] = full_name;
            program_invocation_name = full_name;
            program_invocation_short_name = full_name;
            return tasks[i].run(argc - 1, argv + 1);
        }
    }
    warnx("there is no task '%s'; `leat plugin --help` lists them", argv[1]);
    return EX_USAGE;
}
