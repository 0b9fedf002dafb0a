#include "sample.h"

#include <stdio.h>
#include <stdlib.h>

#define VALUES (sizeof((struct pair_result *)0)->value / sizeof(double))

void samples_add(struct samples *samples, const struct pair_result *result)
{
    if (!pair_clean(result)) {
        samples->disturbed++;
        return;
    }
    const enum placement placement = pair_placement(result);
    samples->runs[placement][samples->counts[placement]++] = *result;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

struct summary {
    double median, least, most;
};

static struct summary summarise(const struct samples *samples, int placement, size_t which)
{
    double values[SAMPLES_MOST];
    const size_t count = samples->counts[placement];
    for (size_t i = 0; i < count; i++) {
        values[i] = samples->runs[placement][i].value[which];
    }
    const double middle = median(values, count);
    return (struct summary){middle, values[0], values[count - 1]};
}

static const char *rate_text(char *text, size_t size, double rate)
{
    if (rate >= 1e6) {
        snprintf(text, size, "%.3g M", rate / 1e6);
    } else if (rate >= 1e3) {
        snprintf(text, size, "%.3g k", rate / 1e3);
    } else {
        snprintf(text, size, "%.0f", rate);
    }
    return text;
}

static void print_class(const struct samples *samples, int placement, bool latency)
{
    const struct summary first = summarise(samples, placement, 0);
    printf("  %s ", placement_name((enum placement)placement));
    if (latency) {
        printf("p50 %.0f ns [%.0f..%.0f], p99 %.0f", first.median, first.least, first.most,
               summarise(samples, placement, 1).median);
    } else {
        char middle[16], least[16], most[16];
        printf("%s/s [%s..%s]", rate_text(middle, sizeof middle, first.median),
               rate_text(least, sizeof least, first.least), rate_text(most, sizeof most, first.most));
    }
    printf(" (%zu)", samples->counts[placement]);
}

void samples_print(const struct samples *samples, bool latency)
{
    for (int placement = 0; placement < PLACEMENT_COUNT; placement++) {
        if (samples->counts[placement] > 0) {
            print_class(samples, placement, latency);
        }
    }
    if (samples->disturbed > 0) {
        printf("  disturbed (%zu)", samples->disturbed);
    }
    putchar('\n');
}

void samples_print_json(const struct samples *samples)
{
    for (int placement = 0; placement < PLACEMENT_COUNT; placement++) {
        if (samples->counts[placement] == 0) {
            continue;
        }
        printf(", \"%s\": {\"runs\": %zu, \"values\": [", placement_name((enum placement)placement),
               samples->counts[placement]);
        for (size_t which = 0; which < VALUES - 1; which++) {
            const struct summary summary = summarise(samples, placement, which);
            printf("%s[%.1f, %.1f, %.1f]", which ? ", " : "", summary.median, summary.least, summary.most);
        }
        printf("]}");
    }
    printf(", \"disturbed\": %zu", samples->disturbed);
}
