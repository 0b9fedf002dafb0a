/* Named instructions at which a test may stop or kill the process. Compiled into the static twin of the library only; a
 * test that wants them defines leat_test_point. */
#ifndef LEAT_TEST_POINT_H
#define LEAT_TEST_POINT_H

#include <stddef.h>

#ifdef LEAT_TEST_POINTS
__attribute__((weak)) void leat_test_point(const char *name);
#define TEST_POINT(name) (leat_test_point != NULL ? leat_test_point(name) : (void)0)
#else
#define TEST_POINT(name) ((void)0)
#endif

#endif
