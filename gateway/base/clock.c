#include "base/clock.h"

#include <stdio.h>

void clock_describe(char *text, size_t size, int64_t ns)
{
    double seconds = (double)ns / (double)NS_PER_S;
    if (ns < NS_PER_MS)
        snprintf(text, size, "%.0f us", seconds * 1e6);
    else if (ns < NS_PER_S)
        snprintf(text, size, "%.0f ms", seconds * 1e3);
    else if (ns < 120 * NS_PER_S)
        snprintf(text, size, "%.3g s", seconds);
    else
        snprintf(text, size, "%.0f min", seconds / 60);
}
