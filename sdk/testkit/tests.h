/* The tables of tests: what is asked of every plugin, and of each kind. Ended by a row without a name. */
#ifndef SDK_TESTKIT_TESTS_H
#define SDK_TESTKIT_TESTS_H

#include "test.h"

extern const struct test_row table_tests[];   /* of the file and its table; the plugin is not loaded yet */
extern const struct test_row option_tests[];  /* of every kind, with its table loaded as all that follow */
extern const struct test_row life_tests[];    /* of every kind: starting, failing to start, stopping */
extern const struct test_row channel_tests[]; /* opening and the bytes */
extern const struct test_row stream_tests[];  /* a channel under load */
extern const struct test_row pattern_tests[];
extern const struct test_row hook_tests[]; /* a pattern's hooks on any messages */
extern const struct test_row transport_tests[];
extern const struct test_row traffic_tests[]; /* a transport under load */

#endif
