/* The conformance suite: what every plugin promises by its headers, tried on the compiled file. `leat plugin test` prints what it
 * finds.
 *
 *     testkit_run -> a table of tests for the plugin's kind -> each test in a process of its own, with a time limit -> result()
 *
 * The process that calls testkit_run never loads the plugin. A test that crashes, hangs or ends its process has failed, and the
 * sentence says which of the plugin's functions it was in. One thread. */
#ifndef SDK_TESTKIT_H
#define SDK_TESTKIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TESTKIT_SETTINGS_MAX 32

enum testkit_verdict { TESTKIT_OK = 0, TESTKIT_FAILED = 1, TESTKIT_SKIPPED = 2 };

/* Of one test. Text is valid during the call. */
struct testkit_result {
    const char *name;   /* a sentence that says what is promised */
    const char *reason; /* failed: what was expected and what came; skipped: what is missing; else "" */
    const char *notes;  /* lines for people, each with its line end; or "" */
    uint32_t verdict;   /* enum testkit_verdict */
    double seconds;
};

/* What a test needs that the suite cannot know. Zero and NULL: what the suite finds out itself. */
struct testkit {
    const char *file;                           /* NAME.so */
    const char *only;                           /* run the tests whose name contains this */
    const char *leave_out;                      /* and those not whose name contains this */
    const char *settings[TESTKIT_SETTINGS_MAX]; /* "OPTION=VALUE", for every instance */
    const char *where; /* a channel's: the part of its URL after "://"; %f is the folder of each test */
    const char *url;   /* a transport's: an address to listen at and to dial */
    const char *dial;  /* a transport's: an address that all sockets dial, where something else listens */

    bool (*interrupted)(void); /* asked now and then: true ends the run; or NULL */

    void *context;
    void (*planned)(void *context, size_t count); /* how many results will come; once, first */
    void (*result)(void *context, const struct testkit_result *result);
};

#define TESTKIT_INTERRUPTED (-2)

/* Runs the tests. The number of those that failed; -1 when none was run; or TESTKIT_INTERRUPTED, with nothing left behind. */
int testkit_run(const struct testkit *kit);

#endif
