/* The plugin under test: loaded as the gateway loads it, with options from text and a host that remembers what it hears. */
#ifndef SDK_TESTKIT_SUBJECT_H
#define SDK_TESTKIT_SUBJECT_H

#include "config/options.h"
#include "test.h"

/* Opens the file; fails the test when that does not work. */
void subject_open(void);
/* The same, and copies its table into test_subject.plugin as the gateway does. */
void subject_load(void);

/* ---- options ---------------------------------------------------------------------------------------------------------- */

/* Fills the plugin's options from its defaults, --set, and `more` ("OPTION", "VALUE", ..., NULL; or NULL). False with a sentence
 * in `problem` when the gateway would refuse them. options_fini in either case. */
bool subject_options(struct options *options, const char *const *more, char *problem, size_t size);

/* The options of --set alone; fails the test when they are refused. Filled once. */
const void *subject_values(void);

/* ---- its host ---------------------------------------------------------------------------------------------------------- */

struct leat_host *subject_host(void);

/* What it has heard since subject_forget. */
struct subject_heard {
    uint32_t logs, blames;
    char log[256], blame_option[64], blame[256]; /* the newest */
};
void subject_forget(void);
struct subject_heard subject_heard(void);

#endif
