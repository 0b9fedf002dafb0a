#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct test_subject test_subject;
struct test_notes *test_notes;

/* ---- how a test ends ------------------------------------------------------------------------------------------------- */

static pthread_mutex_t ending = PTHREAD_MUTEX_INITIALIZER;

/* Waits for ever where another thread is about to say that the test has failed. */
static void pass(void)
{
    pthread_mutex_lock(&ending);
    atomic_store(&test_notes->state, TEST_PASSED);
    pthread_mutex_unlock(&ending);
}

/* The first thread that ends the test says why; the process ends with it. */
static _Noreturn void end(enum test_state state, const char *format, va_list arguments)
{
    pthread_mutex_lock(&ending); /* for ever: there is one end */
    vsnprintf(test_notes->text, sizeof test_notes->text, format, arguments);
    for (char *c = test_notes->text; *c; c++)
        *c = *c == '\n' || *c == '\r' ? ' ' : *c;
    atomic_store(&test_notes->state, state);
    _exit(0);
}

void test_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(TEST_FAILED, format, arguments);
}

void test_pass(void)
{
    pass();
    _exit(0);
}

void test_skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(TEST_SKIPPED, format, arguments);
}

/* Exit handlers run, so that a plugin whose destructors crash is found out. */
void test_run(void (*run)(void))
{
    run();
    pass();
    exit(0);
}

void test_note(const char *format, ...)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&lock);
    size_t used = strlen(test_notes->notes), room = sizeof test_notes->notes - used;
    if (room > 2) {
        vsnprintf(test_notes->notes + used, room - 1, format, arguments);
        strcat(test_notes->notes, "\n");
    }
    pthread_mutex_unlock(&lock);
    va_end(arguments);
}

/* ---- calls into the plugin ------------------------------------------------------------------------------------------- */

static _Thread_local uint32_t place = UINT32_MAX; /* of this thread in `calling` */
static _Thread_local int64_t entered_ns;

void test_enter(const char *function)
{
    if (place == UINT32_MAX)
        place = atomic_fetch_add(&test_notes->threads, 1) % TEST_THREADS;
    entered_ns = test_now_ns();
    atomic_store(&test_notes->since_ns[place], entered_ns);
    atomic_store(&test_notes->calling[place], function);
}

int64_t test_leave(void)
{
    int64_t took = test_now_ns() - entered_ns;
    atomic_store(&test_notes->calling[place], NULL);
    return took;
}

void test_leave_in_time(const char *function)
{
    int64_t took = test_leave();
    test_require(took <= TEST_STOP_NS, "%s must end within %lld s; it took %.1f s", function,
                 (long long)(TEST_STOP_NS / TEST_S), (double)took / (double)TEST_S);
}

const char *test_errno(int64_t result)
{
    static _Thread_local char texts[4][32];
    static _Thread_local unsigned turn;
    char *text = texts[turn++ % 4];
    const char *name = result < 0 && result > -4096 ? strerrorname_np((int)-result) : NULL;
    if (name)
        snprintf(text, sizeof texts[0], "-%s", name);
    else
        snprintf(text, sizeof texts[0], "%lld", (long long)result);
    return text;
}

int32_t test_result(const char *function, int32_t result)
{
    test_require(result == 0 || (result < 0 && result > -4096),
                 "%s returned %d; expected 0 or a negative errno such as -EINVAL", function, result);
    return result;
}

/* ---- time, chance, threads ------------------------------------------------------------------------------------------- */

int64_t test_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * TEST_S + now.tv_nsec;
}

static int64_t starved_ns(const char *thread)
{
    long long ran, waited = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%.16s/schedstat", thread);
    FILE *file = fopen(path, "re");
    if (!file || fscanf(file, "%lld %lld", &ran, &waited) != 2)
        waited = 0;
    if (file)
        fclose(file);
    return waited;
}

int64_t test_starved_ns(void)
{
    int64_t sum = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            sum += starved_ns(entry->d_name);
    if (folder)
        closedir(folder);
    return sum;
}

void test_nap(int64_t ns)
{
    const struct timespec nap = {ns / TEST_S, ns % TEST_S};
    nanosleep(&nap, NULL);
}

uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

pthread_t test_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run, argument);
    test_require(error == 0, "the suite could not start a thread: %s", strerror(error));
    return thread;
}
