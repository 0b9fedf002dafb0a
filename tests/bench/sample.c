#include "sample.h"

#include <stdio.h>
#include <stdlib.h>

void samples_add(struct samples *samples, const struct pair_result *result)
{
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

static size_t clean_runs(const struct samples *samples)
{
    size_t count = 0;
    for (int placement = 0; placement < PLACEMENT_DISTURBED; placement++) {
        count += samples->counts[placement];
    }
    return count;
}

void samples_print(const struct samples *samples, bool latency)
{
    const bool clean = clean_runs(samples) > 0;
    for (int placement = 0; placement < PLACEMENT_COUNT; placement++) {
        if (samples->counts[placement] > 0 && (placement != PLACEMENT_DISTURBED || !clean)) {
            print_class(samples, placement, latency);
        }
    }
    if (clean && samples->counts[PLACEMENT_DISTURBED] > 0) {
        printf("  disturbed (%zu)", samples->counts[PLACEMENT_DISTURBED]);
    }
    putchar('\n');
}

void samples_print_json(const struct samples *samples, bool latency)
{
    for (int placement = 0; placement < PLACEMENT_COUNT; placement++) {
        if (samples->counts[placement] == 0) {
            continue;
        }
        const struct summary first = summarise(samples, placement, 0);
        printf(", \"%s\": {\"runs\": %zu, \"median\": %.1f, \"least\": %.1f, \"most\": %.1f",
               placement_name((enum placement)placement), samples->counts[placement], first.median, first.least,
               first.most);
        if (latency) {
            printf(", \"p99\": %.1f, \"p99.9\": %.1f", summarise(samples, placement, 1).median,
                   summarise(samples, placement, 2).median);
        }
        printf("}");
    }
}
