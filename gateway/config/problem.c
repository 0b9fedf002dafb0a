#include "config/problem.h"

#include "base/text.h"
#include "config/memory.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void problems_fini(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->items[i].file);
        free(problems->items[i].text);
    }
    free(problems->items);
    *problems = (struct problems){0};
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

/* Two URLs of one plugin make the same complaint about its options: one is enough. */
static bool known(const struct problems *problems, const struct problem *problem)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *other = &problems->items[i];
        if (other->line == problem->line && compare_text(other->file, problem->file) == 0 &&
            strcmp(other->text, problem->text) == 0)
            return true;
    }
    return false;
}

void problems_add(struct problems *problems, const char *file, unsigned line, const char *format, ...)
{
    struct problem problem = {.file = file != NULL ? memory_copy(file) : NULL, .line = line};
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&problem.text, format, arguments) < 0)
        problem.text = memory_copy(format);
    va_end(arguments);
    text_make_plain(problem.text);
    if (known(problems, &problem)) {
        free(problem.file);
        free(problem.text);
        return;
    }
    problems->items = memory_grow(problems->items, problems->count, &problems->capacity, sizeof(problem));
    problems->items[problems->count++] = problem;
}

static int by_place(const void *left, const void *right)
{
    const struct problem *a = left, *b = right;
    const int files = compare_text(a->file, b->file);
    if (files != 0)
        return files;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return strcmp(a->text, b->text);
}

void problems_sort(struct problems *problems)
{
    if (problems->count > 0)
        qsort(problems->items, problems->count, sizeof(*problems->items), by_place);
}

void problems_print(struct problems *problems, FILE *to)
{
    problems_sort(problems);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        if (problem->file != NULL && problem->line > 0)
            fprintf(to, "%s:%u: %s\n", problem->file, problem->line, problem->text);
        else if (problem->file != NULL)
            fprintf(to, "%s: %s\n", problem->file, problem->text);
        else
            fprintf(to, "%s\n", problem->text);
    }
}

/* ---- the nearest word ------------------------------------------------------------------------------------------ */

#define WORD_MAX 64 /* longer words get no suggestion: the table below stays on the stack */

static size_t least(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

enum { EDIT = 2, SWAP = 1 }; /* a swap of neighbours is the commonest slip: `tpc` is `tcp` rather than `ipc` */

/* What it costs to turn `a` into `b` by edits (insert, delete, replace) and swaps of neighbours. */
static size_t distance(const char *a, const char *b)
{
    const size_t rows = strlen(a), columns = strlen(b);
    size_t table[WORD_MAX + 1][WORD_MAX + 1];
    if (rows > WORD_MAX || columns > WORD_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= rows; i++)
        table[i][0] = i * EDIT;
    for (size_t j = 0; j <= columns; j++)
        table[0][j] = j * EDIT;
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = 1; j <= columns; j++) {
            const size_t replaced = table[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? EDIT : 0);
            table[i][j] = least(table[i - 1][j] + EDIT, table[i][j - 1] + EDIT, replaced);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                table[i][j] = least(table[i][j], table[i - 2][j - 2] + SWAP, SIZE_MAX);
        }
    }
    return table[rows][columns];
}

/* The only candidate that begins with the word, or is it in other letters: `warn`, `INFO`. */
static const char *only_beginning(const char *word, const char *const *candidates)
{
    const char *found = NULL;
    const size_t len = strlen(word);
    for (; *candidates != NULL && len >= 3; candidates++) {
        if (strncasecmp(*candidates, word, len) == 0 && found != NULL)
            return NULL;
        if (strncasecmp(*candidates, word, len) == 0)
            found = *candidates;
    }
    return found;
}

const char *problem_nearest(const char *word, const char *const *candidates)
{
    /* A third of the word, at least one edit; but of a single letter nothing would be left. */
    const char *const *all = candidates;
    const size_t length = strlen(word), third = length / 3;
    const size_t limit = length < 2 ? 0 : third < 1 ? 1 : third < 3 ? third : 3;
    size_t best = limit * EDIT + 1;
    const char *nearest = NULL;
    for (; *candidates != NULL; candidates++) {
        const size_t cost = distance(word, *candidates);
        if (cost < best) {
            best = cost;
            nearest = *candidates;
        }
    }
    return nearest != NULL ? nearest : only_beginning(word, all);
}
