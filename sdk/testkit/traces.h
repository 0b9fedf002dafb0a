/* What a process has left lying about: descriptors, threads, files, heap. Taken before and after, and compared. */
#ifndef SDK_TESTKIT_TRACES_H
#define SDK_TESTKIT_TRACES_H

#include <stdbool.h>
#include <stddef.h>

#define TRACES_TEXT 512

struct traces {
    char *descriptors; /* "7 -> socket:[123]\n" ... */
    char *threads;     /* "1234 name\n" ... */
    char *files;       /* of the test's folder */
    char *folder;      /* the working folder */
};

void traces_take(struct traces *traces);
void traces_fini(struct traces *traces);

/* Whether anything has been added since `before`; `text` then says what ("the descriptor 7 (socket:[123])"). */
bool traces_differ(const struct traces *before, const struct traces *after, char text[TRACES_TEXT]);

/* Fails unless everything is as it was, now or after a second: what threads leave as they end takes a moment. `after` is what was
 * done: "check()". */
void traces_require(const struct traces *before, const char *after);

/* Bytes of heap in use, of all threads; 0 where nobody counts. */
size_t traces_heap(void);

/* Does `cycle` a thousand times and fails when that leaves descriptors, threads, heap or mappings behind. The first times are for what a library
 * makes once and keeps. */
void traces_cycles(void (*cycle)(void), const char *what);

#endif
