#include "worker/crash.h"

#include "base/log.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define FRAMES 64
#define FILES 4 /* that a line names */

static const int watched[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

/* ---- one address ------------------------------------------------------------------------------------------------------- */

struct place {
    const struct link_map *file; /* NULL: no file has code there */
    uintptr_t offset;            /* as addr2line wants it */
};

/* dladdr() takes locks that the crashed thread may hold; this takes none (glibc 2.35). */
static struct place place_of(void *address)
{
    struct dl_find_object found;
    if (_dl_find_object(address, &found) != 0)
        return (struct place){.offset = (uintptr_t)address};
    return (struct place){.file = found.dlfo_link_map, .offset = (uintptr_t)address - found.dlfo_link_map->l_addr};
}

/* The program itself has no name there. */
static const char *name_of(const struct place *place, bool whole)
{
    if (place->file == NULL)
        return "no file's code";
    const char *path = place->file->l_name, *slash = strrchr(path, '/');
    if (*path == '\0')
        return "leatd";
    return whole || slash == NULL ? path : slash + 1;
}

/* abort(), raise() and memcpy() crash for somebody else. */
static bool is_libc(const struct place *place)
{
    return place->file != NULL &&
           place->file == place_of((void *)(uintptr_t)abort).file; // NOLINT(performance-no-int-to-ptr)
}

/* ---- the way there ----------------------------------------------------------------------------------------------------- */

static void *address_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (void *)context->uc_mcontext.gregs[REG_RIP]; // NOLINT(performance-no-int-to-ptr)
#elif defined(__aarch64__)
    return (void *)context->uc_mcontext.pc; // NOLINT(performance-no-int-to-ptr)
#else
    return NULL;
#endif
}

/* The files whose code was under way, each once with its innermost place. */
struct way {
    struct place places[FILES];
    size_t count;
};

static void add(struct way *way, void *address)
{
    const struct place place = place_of(address);
    if (is_libc(&place) || way->count == FILES)
        return;
    for (size_t i = 0; i < way->count; i++)
        if (way->places[i].file == place.file)
            return;
    way->places[way->count++] = place;
}

/* Beyond the first frame stand addresses to return to: the call is before them. */
static void find_way(struct way *way, void *crashed_at)
{
    void *frames[FRAMES];
    const int count = backtrace(frames, FRAMES);
    int first = 0;
    while (first < count && frames[first] != crashed_at) /* this handler's own */
        first++;
    add(way, crashed_at);
    for (int i = first + 1; i < count; i++)
        add(way, (char *)frames[i] - 1);
}

static void tell(int number, const struct way *way)
{
    char text[1024] = "";
    size_t len = 0;
    for (size_t i = 0; i < way->count && len < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s+0x%jx", i == 0 ? "" : ", called by ",
                                name_of(&way->places[i], i == 0), (uintmax_t)way->places[i].offset);
    log_error("crashed with SIG%s in %s", sigabbrev_np(number), way->count == 0 ? "the C library" : text);
}

/* Should this hang, for a lock of the crashed thread's, the worker gives no sign of life, and its supervisor ends it. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    struct way way = {.count = 0};
    (void)info;
    while (atomic_flag_test_and_set(&told))
        pause(); /* another thread is telling, and the process ends with it */
    find_way(&way, address_of(context));
    tell(number, &way);
    signal(number, SIG_DFL);
    raise(number);
}

void crash_watch(void)
{
    void *frame;
    struct sigaction ours = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK}, before;
    sigfillset(&ours.sa_mask); /* a second fault in the handler is then the end, by the kernel */
    backtrace(&frame, 1);      /* the first call loads a library */
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        if (sigaction(watched[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(watched[i], &ours, NULL);
}
