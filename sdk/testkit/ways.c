#include "ways.h"

#include "subject.h"

#include <errno.h>

const struct ways *ways(void)
{
    static const struct ways *const kinds[] = {NULL, &channel_ways, &pattern_ways, &transport_ways};
    return kinds[test_subject.plugin.table.kind];
}

int32_t ways_check(unsigned way, const void *values)
{
    if (!ways()->has_check())
        return 0;
    subject_forget();
    test_enter("check");
    int32_t result = ways()->check(way, values);
    test_leave_in_time("check");
    struct subject_heard heard = subject_heard();
    test_require(result == 0 || result == -EINVAL, "check() returned %s (%s); expected 0 or -EINVAL",
                 test_errno(result), ways()->name(way));
    test_require(result == 0 || heard.blames > 0,
                 "check() refused (%s) and blamed nothing: nobody learns which line is wrong", ways()->name(way));
    test_require(result != 0 || heard.blames == 0, "check() blamed '%s' (%s) and returned 0; expected -EINVAL",
                 heard.blame_option, heard.blame);
    return result;
}

unsigned ways_accepted(unsigned from, const void *values)
{
    while (from < ways()->count() && ways_check(from, values) != 0)
        from++;
    return from;
}
