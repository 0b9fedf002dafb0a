#include "cli/gateway_choice.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

void gateway_take(const char **name, const char *text, struct argp_state *state)
{
    if (*name) {
        argp_error(state, "one gateway at a time");
    }
    *name = text;
}

struct names {
    const char *directory;
    char *best; /* PAGE_NAME_BYTES: the only one that runs, or else the first */
    size_t count, running;
};

static int remember(const char *name, void *user)
{
    struct names *names = user;
    bool runs = page_is_live(names->directory, name);
    if (names->count++ == 0 || (runs && names->running == 0)) {
        snprintf(names->best, PAGE_NAME_BYTES, "%s", name);
    }
    names->running += runs;
    return 0;
}

static int print_name(const char *name, void *user)
{
    const char *directory = user;
    printf("%s%s\n", name, page_is_live(directory, name) ? "" : " (not running)");
    return 0;
}

int gateway_choose(const char *directory, const char **name, char only[PAGE_NAME_BYTES])
{
    struct names names = {.directory = directory, .best = only};
    if (*name) {
        return 0;
    }
    int error = page_list(directory, remember, &names);
    if (error < 0) {
        warnx("cannot list the gateways: %s", strerror(-error));
        return EX_NOINPUT;
    }
    if (names.count == 0) {
        warnx("no gateway has run here; `leatd -c FILE` starts one");
        return EX_NOINPUT;
    }
    if (names.count > 1 && names.running != 1) {
        warnx("there is more than one gateway; name one of:");
        page_list(directory, print_name, (void *)directory);
        return EX_USAGE;
    }
    *name = only;
    return 0;
}

int gateway_explain(const char *name, int error)
{
    if (error == -ENOENT) {
        warnx("no gateway named '%s' has run here", name);
    } else if (error == -EPROTO) {
        warnx("the page of gateway '%s' is of another version of leat", name);
    } else if (error == -EBADMSG) {
        warnx("what stands in the place of gateway '%s' is not a page of leat", name);
    } else {
        warnx("cannot read the page of gateway '%s': %s", name, strerror(-error));
    }
    return EX_NOINPUT;
}
