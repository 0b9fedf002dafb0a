/* What is wrong with a configuration: a list, so that one run reports everything. A problem is `file:line: text`. */
#ifndef LEAT_CONFIG_PROBLEM_H
#define LEAT_CONFIG_PROBLEM_H

#include <stddef.h>
#include <stdio.h>

struct problem {
    char *file;    /* NULL: no file is to blame */
    unsigned line; /* 0: no line */
    char *text;
};

struct problems {
    struct problem *items;
    size_t count, capacity;
    struct problems *warnings; /* what is no obstacle but worth a look goes there; NULL: to the log alone */
};

/* Zero-initialised is ready to use. Text is copied. Running out of memory ends the process with a message. */
void problems_fini(struct problems *problems);
__attribute__((format(printf, 4, 5))) void problems_add(struct problems *problems, const char *file, unsigned line,
                                                        const char *format, ...);

/* Sorts by file and line. */
void problems_sort(struct problems *problems);

/* Sorts, and prints one `file:line: text` a line. */
void problems_print(struct problems *problems, FILE *to);

/* The nearest of `candidates` (NULL-terminated) to `word` within edit distance 3 and a third of its length, else the only one
 * that begins with it, else NULL. */
const char *problem_nearest(const char *word, const char *const *candidates);

#endif
