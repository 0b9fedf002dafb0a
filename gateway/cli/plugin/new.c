/* leat plugin new: copies the template of a kind, with the plugin's name in the place of @NAME@, in texts and in file names. */
#include "cli/plugin/new.h"

#include "base/beside.h"
#include "config/problem.h"

#include <argp.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define PLACE "@NAME@"
#define NAME_MAX_BYTES 31 /* so that "NAME.option" stays a word that people read */
#define PATH_BYTES 4096

static const char *const kinds[] = {"channel", "pattern", "transport", NULL};

enum { KEY_KIND = 'k', KEY_DIRECTORY = 'd' };

static const struct argp_option options[] = {
    {"kind", KEY_KIND, "KIND", 0, "channel, pattern or transport", 0},
    {"directory", KEY_DIRECTORY, "DIR", 0, "The folder to make (default: ./NAME)", 0},
    {0}};

struct arguments {
    const char *kind, *name, *directory;
};

/* ---- the command line -------------------------------------------------------------------------------------------- */

static const char *take_kind(const char *text, struct argp_state *state)
{
    for (size_t i = 0; kinds[i]; i++) {
        if (strcmp(kinds[i], text) == 0) {
            return kinds[i];
        }
    }
    const char *nearest = problem_nearest(text, kinds);
    argp_error(state, "--kind=%s: expected channel, pattern or transport%s%s%s", text,
               nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return NULL;
}

/* As leat_plugin.name. */
static const char *take_name(const char *text, struct argp_state *state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz", rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    const size_t len = strlen(text);
    if (strspn(text, letters) == 0 || strspn(text, rest) != len || len > NAME_MAX_BYTES) {
        argp_error(state,
                   "'%s' is no name for a plugin: a small letter, then small letters, digits, '_' and '-', at most %d",
                   text, NAME_MAX_BYTES);
    }
    return text;
}

static void require_all(const struct arguments *arguments, struct argp_state *state)
{
    if (!arguments->name) {
        argp_error(state, "which name? It becomes the file NAME.so and the prefix of its options");
    } else if (!arguments->kind) {
        argp_error(state, "which kind? --kind channel, pattern or transport");
    } else if (strcmp(arguments->kind, "transport") == 0 && strchr(arguments->name, '_')) {
        argp_error(state, "'%s': a transport's name is also its scheme, which has no '_'", arguments->name);
    }
}

static int parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_KIND:
        arguments->kind = take_kind(text, state);
        return 0;
    case KEY_DIRECTORY:
        arguments->directory = text;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->name) {
            argp_error(state, "'%s' is one argument too many; one plugin is made at a time", text);
        }
        arguments->name = take_name(text, state);
        return 0;
    case ARGP_KEY_END:
        require_all(arguments, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- copying ------------------------------------------------------------------------------------------------------- */

/* Writes `text` with the name put in. */
static void fill(FILE *out, const char *text, const char *name)
{
    for (const char *place; (place = strstr(text, PLACE)); text = place + strlen(PLACE)) {
        fwrite(text, 1, (size_t)(place - text), out);
        fputs(name, out);
    }
    fputs(text, out);
}

/* All of a file as text; ends the program when it cannot be read. To be freed. */
static char *slurp(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    if (!file || (getdelim(&text, &size, '\0', file) < 0 && ferror(file))) {
        err(EXIT_FAILURE, "%s", path);
    }
    fclose(file);
    return text ? text : calloc(1, 1);
}

static char *filled(const char *text, const char *name)
{
    char *result = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&result, &size);
    if (!out) {
        err(EXIT_FAILURE, "memory");
    }
    fill(out, text, name);
    fclose(out);
    return result;
}

static void copy_file(const char *from, const struct arguments *arguments, const char *file)
{
    char source[PATH_BYTES], target[PATH_BYTES];
    char *name = filled(file, arguments->name), *text;
    snprintf(source, sizeof source, "%s/%s", from, file);
    snprintf(target, sizeof target, "%s/%s", arguments->directory, name);
    text = slurp(source);
    FILE *out = fopen(target, "wxe");
    if (!out) {
        err(EXIT_FAILURE, "%s", target);
    }
    fill(out, text, arguments->name);
    if (fclose(out) != 0) {
        err(EXIT_FAILURE, "%s", target);
    }
    printf("  %s\n", target);
    free(text);
    free(name);
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void copy(const char *from, const struct arguments *arguments)
{
    struct dirent **entries;
    const int count = scandir(from, &entries, is_file, alphasort);
    if (count <= 0) {
        err(EXIT_FAILURE, "%s", from);
    }
    if (mkdir(arguments->directory, 0777) != 0) {
        if (errno == EEXIST) {
            errx(EXIT_FAILURE, "'%s' exists; nothing was written. --directory names another folder",
                 arguments->directory);
        }
        err(EXIT_FAILURE, "%s", arguments->directory);
    }
    for (int i = 0; i < count; i++) {
        copy_file(from, arguments, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* The template of that kind; ends the program where the SDK is not installed with it. To be freed. */
static char *find_template(const char *kind)
{
    static const char *const folders[] = {"../template", LEAT_TEMPLATES_FROM_PROGRAM};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char relative[PATH_BYTES];
        snprintf(relative, sizeof relative, "%s/%s", folders[i], kind);
        char *found = beside_program(relative);
        if (found) {
            return found;
        }
    }
    errx(EXIT_FAILURE, "the templates are not installed beside this program (%s)", LEAT_TEMPLATES_FROM_PROGRAM);
}

int plugin_new(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "NAME",
                                     "Makes a folder with a plugin that works: one C file, its build (CMake and make), "
                                     "its test and a README. Change it "
                                     "from there.",
                                     NULL,
                                     NULL,
                                     NULL};
    struct arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (!arguments.directory) {
        arguments.directory = arguments.name;
    }
    char *from = find_template(arguments.kind);
    copy(from, &arguments);
    free(from);
    printf("\nNow:\n  cd %s\n  make test      # builds %s.so and runs the conformance suite on it\n"
           "README.md says what comes next.\n",
           arguments.directory, arguments.name);
    return EXIT_SUCCESS;
}
