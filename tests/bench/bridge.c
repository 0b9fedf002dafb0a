/* An outward bridge in its place: messages a second from a channel through leatd to a puller over tcp, beside what nng does at
 * its best without any gateway, and beside the loop that one would write by hand.
 *
 *     bridge [--runs=N] [--time=MS] [--leatd=FILE] [--json]
 *
 *     bridge  producer -> block channel -> leatd (pipeline, tcp) -> puller with 16 asynchronous receives
 *     best    sender with 64 asynchronous sends                  -> the same puller
 *     loop    producer -> block channel -> leat_read, nng_send   -> puller that blocks in nng_recvmsg
 *
 * The three take turns, so that what the machine does meanwhile meets all alike; medians and their ratios are printed. */
#include "peers.h"
#include "sample.h"
#include "stage.h"

#include <stdio.h>

enum contender { BRIDGE, BEST, LOOP, CONTENDERS };
static const char *const contender_names[] = {"bridge", "best", "loop"};
static const char *const contender_texts[] = {"through leatd", "nng's own best", "hand-written loop"};

static const size_t sizes[] = {64, 16 << 10};

#define AIM_BEST 0.9
#define AIM_LOOP 5.0 /* at 64 B */

static struct stage stage = {.runs = 5, .time_ms = 1000};

/* ---- one run ---------------------------------------------------------------------------------------------------- */

static void start_senders(enum contender contender, const char *url, const char *size)
{
    if (contender == BEST) {
        stage_start_peer("best", url, size, NULL);
        return;
    }
    if (contender == LOOP) {
        stage_start_peer("loop", "bench", url, size);
    } else {
        stage_start_gateway(&stage, url, "");
    }
    stage_start_peer("producer", "bench", size, NULL);
}

/* Messages a second that reached the puller. */
static double measure(enum contender contender, size_t message_size)
{
    char size[24], time[24], url[128];
    snprintf(size, sizeof size, "%zu", message_size);
    snprintf(time, sizeof time, "%d", stage.time_ms);
    FILE *puller = stage_start_peer("puller", size, time, contender == LOOP ? "0" : "1");
    stage_read_url(puller, url, sizeof url, contender_texts[contender]);
    start_senders(contender, url, size);
    return stage_read_rate(&stage, puller, contender_texts[contender]);
}

/* ---- the report ------------------------------------------------------------------------------------------------- */

static void print_row(size_t size, double rates[CONTENDERS][SAMPLES_MOST])
{
    double middle[CONTENDERS];
    for (int i = 0; i < CONTENDERS; i++) {
        middle[i] = median(rates[i], (size_t)stage.runs);
    }
    const double best = middle[BRIDGE] / middle[BEST], loop = middle[BRIDGE] / middle[LOOP];
    if (stage.json) {
        printf("%s\n  {\"benchmark\": \"bridge\", \"transport\": \"tcp\", \"size\": %zu, \"unit\": \"messages/s\", "
               "\"runs\": %d",
               size == sizes[0] ? "[" : ",", size, stage.runs);
        for (int i = 0; i < CONTENDERS; i++) {
            printf(", \"%s\": [%.0f, %.0f, %.0f]", contender_names[i], middle[i], rates[i][0],
                   rates[i][stage.runs - 1]);
        }
        printf(", \"bridge/best\": %.3f, \"bridge/loop\": %.3f}", best, loop);
        return;
    }
    printf("out-bridge, pipeline over tcp, %zu B, median of %d runs [least..most], messages/s\n", size, stage.runs);
    for (int i = 0; i < CONTENDERS; i++) {
        printf("  %-18s %9.0f  [%.0f..%.0f]\n", contender_texts[i], middle[i], rates[i][0], rates[i][stage.runs - 1]);
    }
    printf("  bridge / best      %9.2f  (aim: %.1f)\n  bridge / loop      %9.2f", best, AIM_BEST, loop);
    printf(size == 64 ? "  (aim: %.0f)\n" : "\n", AIM_LOOP);
    fflush(stdout);
}

static void compare(size_t size)
{
    double rates[CONTENDERS][SAMPLES_MOST];
    for (int run = 0; run < stage.runs; run++) {
        for (int i = 0; i < CONTENDERS; i++) {
            const int contender = (run + i) % CONTENDERS; /* nobody is always the one after the same other */
            rates[contender][run] = measure((enum contender)contender, size);
        }
    }
    print_row(size, rates);
}

int main(int argc, char **argv)
{
    stage_play_part(argc, argv);
    stage_open(&stage, argc, argv);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        compare(sizes[i]);
    }
    if (stage.json) {
        puts("\n]");
    }
    return 0;
}
