/* What the tests are written with. A test is a function without arguments that runs in a process of its own: it returns when all
 * is well, and ends the process through test_fail or test_skip otherwise. */
#ifndef SDK_TESTKIT_TEST_H
#define SDK_TESTKIT_TEST_H

#include "testkit.h"

#include "plugin/registry.h"

#include <leat/plugin/host.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEST_MS INT64_C(1000000)
#define TEST_S INT64_C(1000000000)

/* How long whatever ends something may take: a lane that stops waits no longer for it. */
#define TEST_STOP_NS (5 * TEST_S)
/* How much longer than its timeout a call may take on a machine that has other work too. */
#define TEST_SLACK_NS (500 * TEST_MS)
/* How long a test waits for what should come. */
#define TEST_PATIENCE_NS (10 * TEST_S)

/* A row in the table of a kind: tests run in this order. */
struct test_row {
    const char *name;
    void (*run)(void);
    unsigned seconds; /* its time limit */
    bool gate;        /* where it fails, none of those after it can be tried */
};
#define TEST_LIMIT 20
#define TEST_LOAD_LIMIT 10

/* Loaded in this process, as the host knows it. The table's `kind` says which of the three ops is filled. */
struct test_subject {
    const struct testkit *kit;
    char file[512];       /* absolute */
    char name[64];        /* of the file, without .so */
    char folder[96];      /* an empty folder, which is also the working folder and the folder of channels */
    void *object;         /* of dlopen */
    const void *exported; /* the plugin's own table */
    struct plugin plugin;
};
extern struct test_subject test_subject;

_Noreturn void test_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void test_pass(void); /* in the middle, without what follows an end */
_Noreturn void test_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define test_require(condition, ...) \
    do {                             \
        if (!(condition))            \
            test_fail(__VA_ARGS__);  \
    } while (0)

/* Around every call into the plugin, from any thread; `function` is a constant. test_leave returns how long it took. */
void test_enter(const char *function);
int64_t test_leave(void);
/* The same for a call that ends something: it has TEST_STOP_NS. */
void test_leave_in_time(const char *function);

/* Fails unless `result` is 0 or a negative errno; returns it. */
int32_t test_result(const char *function, int32_t result);
/* "-ENOENT", "0", "17"; one of a few texts in turn for each thread. */
const char *test_errno(int64_t result);

int64_t test_now_ns(void);
/* For how long, together, this test's threads have been ready to run and had no processor: what waits for them takes longer by that. */
int64_t test_starved_ns(void);
void test_nap(int64_t ns);
uint64_t test_random(uint64_t *state); /* splitmix64: the same every time */

/* Starts a thread of this test. */
pthread_t test_thread(void *(*run)(void *), void *argument);

/* ---- what run.c knows of it ------------------------------------------------------------------------------------------ */

#define TEST_THREADS 32

/* A call that takes longer never returns: whoever waits in one says for how long, and nobody does for so long. */
#define TEST_CALL_NS (6 * TEST_S)

enum test_state { TEST_RUNNING = 0, TEST_PASSED, TEST_FAILED, TEST_SKIPPED };

/* Shared between a test's process and the one that started it. */
struct test_notes {
    _Atomic uint32_t state; /* enum test_state; whoever leaves TEST_RUNNING first writes `text` */
    uint32_t kind;          /* what loading found out: enum leat_plugin_kind, 0 unknown */
    char text[640], notes[4096];
    char trying[160]; /* what the test was at, for a sentence that it cannot say any more; or empty */
    _Atomic uint32_t threads;
    const char *_Atomic calling[TEST_THREADS]; /* constants, which are at the same place in both processes */
    _Atomic int64_t since_ns[TEST_THREADS];    /* when that call began */
};
extern struct test_notes *test_notes;

/* Runs a test in this process, which ends. */
_Noreturn void test_run(void (*run)(void));

#endif
