#include "traces.h"

#include "test.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CYCLES_FIRST 100
#define CYCLES_ROUND 300
#define CYCLES_ROUNDS 3
#define CYCLES_ROUNDS_MOST \
    9                 /* where the first ones seem to leak: a leak shows in every round, what libraries keep does not */
#define HEAP_NOISE 12 /* bytes a cycle: less than the smallest block that malloc hands out */

static void require_memory(const void *memory)
{
    test_require(memory, "the suite ran out of memory");
}

/* ---- taking ---------------------------------------------------------------------------------------------------------- */

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void list_descriptors(FILE *out)
{
    struct dirent **entries;
    int count = scandir("/proc/self/fd", &entries, is_entry, alphasort);
    for (int i = 0; i < count; i++) {
        char path[300], target[300];
        snprintf(path, sizeof path, "/proc/self/fd/%s", entries[i]->d_name);
        ssize_t len = readlink(path, target, sizeof target - 1); /* what scandir used is closed by now */
        if (len >= 0)
            fprintf(out, "%s (%.*s)\n", entries[i]->d_name, (int)len, target);
        free(entries[i]);
    }
    free(count >= 0 ? entries : NULL);
}

static void list_threads(FILE *out)
{
    struct dirent **entries;
    int count = scandir("/proc/self/task", &entries, is_entry, alphasort);
    for (int i = 0; i < count; i++) {
        char path[300], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entries[i]->d_name);
        FILE *comm = fopen(path, "re");
        if (comm && fgets(name, sizeof name, comm))
            fprintf(out, "%s (%.*s)\n", entries[i]->d_name, (int)strcspn(name, "\n"), name);
        if (comm)
            fclose(comm);
        free(entries[i]);
    }
    free(count >= 0 ? entries : NULL);
}

static void list_files(FILE *out)
{
    struct dirent **entries;
    int count = scandir(test_subject.folder, &entries, is_entry, alphasort);
    for (int i = 0; i < count; i++) {
        fprintf(out, "%s\n", entries[i]->d_name);
        free(entries[i]);
    }
    free(count >= 0 ? entries : NULL);
}

static char *list(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    require_memory(out);
    print(out);
    fclose(out);
    require_memory(text);
    return text;
}

void traces_take(struct traces *traces)
{
    *traces = (struct traces){.descriptors = list(list_descriptors),
                              .threads = list(list_threads),
                              .files = list(list_files),
                              .folder = getcwd(NULL, 0)};
}

void traces_fini(struct traces *traces)
{
    free(traces->descriptors);
    free(traces->threads);
    free(traces->files);
    free(traces->folder);
}

/* ---- comparing ------------------------------------------------------------------------------------------------------- */

/* The first line of `after` that is not in `before`, up to a character of `end`: a thread may get its name late. */
static bool added(const char *before, const char *after, const char *end, const char *noun, char text[TRACES_TEXT])
{
    for (const char *line = after; *line; line += strcspn(line, "\n") + 1) {
        size_t len = strcspn(line, end);
        bool found = false;
        for (const char *old = before; *old && !found; old += strcspn(old, "\n") + 1)
            found = strcspn(old, end) == len && memcmp(old, line, len) == 0;
        if (!found) {
            snprintf(text, TRACES_TEXT, "%s %.*s", noun, (int)strcspn(line, "\n"), line);
            return true;
        }
    }
    return false;
}

bool traces_differ(const struct traces *before, const struct traces *after, char text[TRACES_TEXT])
{
    if (added(before->descriptors, after->descriptors, "\n", "the descriptor", text) ||
        added(before->threads, after->threads, " \n", "the thread", text) ||
        added(before->files, after->files, "\n", "the file", text))
        return true;
    if (before->folder && after->folder && strcmp(before->folder, after->folder) != 0) {
        snprintf(text, TRACES_TEXT, "the working folder %s", after->folder);
        return true;
    }
    return false;
}

void traces_require(const struct traces *before, const char *after)
{
    char text[TRACES_TEXT] = "";
    bool differ = true;
    for (int64_t until = test_now_ns() + 2 * TEST_S; differ && test_now_ns() < until;) {
        struct traces now;
        traces_take(&now);
        differ = traces_differ(before, &now, text);
        traces_fini(&now);
        if (differ)
            test_nap(20 * TEST_MS);
    }
    test_require(!differ, "%s must leave nothing behind; it left %s", after, text);
}

/* ---- the heap -------------------------------------------------------------------------------------------------------- */

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

size_t traces_heap(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* How much a round of cycles has added, at least: engines free some of it on other threads, a moment later. */
static long long heap_added(size_t before)
{
    long long least = (long long)traces_heap() - (long long)before;
    for (int i = 0; i < 25 && least > HEAP_NOISE * CYCLES_ROUND; i++) {
        test_nap(20 * TEST_MS);
        long long now = (long long)traces_heap() - (long long)before;
        least = now < least ? now : least;
    }
    return least;
}

/* How many pieces of memory are mapped. Not how much: an allocator reserves a great deal for each thread that is new. */
static long long count_mappings(void)
{
    long long count = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    for (int c; file && (c = getc(file)) != EOF;)
        count += c == '\n';
    if (file)
        fclose(file);
    return count;
}

static long long smaller(long long a, long long b)
{
    return a < b ? a : b;
}

void traces_cycles(void (*cycle)(void), const char *what)
{
    struct traces before;
    for (int i = 0; i < CYCLES_FIRST; i++)
        cycle();
    traces_take(&before);
    long long least = INT64_MAX, least_mapped = INT64_MAX;
    for (int round = 0; round < CYCLES_ROUNDS || (least > HEAP_NOISE * CYCLES_ROUND && round < CYCLES_ROUNDS_MOST);
         round++) {
        size_t heap = traces_heap();
        long long mapped = count_mappings();
        for (int i = 0; i < CYCLES_ROUND; i++)
            cycle();
        least = smaller(least, heap_added(heap));
        least_mapped = smaller(least_mapped, count_mappings() - mapped);
    }
    traces_require(&before, what);
    traces_fini(&before);
    test_require(least <= HEAP_NOISE * CYCLES_ROUND,
                 "%s must give back its memory; each time %lld bytes more stay in use", what, least / CYCLES_ROUND);
    test_require(least_mapped < CYCLES_ROUND, "%s must give back its memory; each time %lld mappings more stay", what,
                 least_mapped / CYCLES_ROUND);
}
