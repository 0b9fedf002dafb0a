/* TLS: messages a second over tls+tcp between two nng programs, with the engine that nng was packaged with and with leat's, and
 * through leatd.
 *
 *     tls [--runs=N] [--time=MS] [--leatd=FILE] [--json]
 *
 *     packaged  sender with 64 asynchronous sends, puller with 16 asynchronous receives; nng's own engine at both ends
 *     openssl   the same program, leat's engine at both ends
 *     bridge    producer -> block channel -> leatd (pipeline, tls) -> the same puller
 *     clear     the same program over tcp, for comparison
 *
 * They take turns, so that what the machine does meanwhile meets all alike; medians and their ratios are printed. */
#include "pair.h"
#include "peers.h"
#include "sample.h"
#include "stage.h"

#include "tls/engine.h"

#include <nng/supplemental/tls/tls.h>
#include <nng/transport/tls/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum contender { PACKAGED, OPENSSL, BRIDGE, CLEAR, CONTENDERS };
static const char *const contender_names[] = {"packaged", "openssl", "bridge", "clear"};
static const char *const contender_texts[] = {"nng's packaged engine", "leat's engine", "through leatd", "without TLS"};

static const size_t sizes[] = {64, 1 << 10, 16 << 10, 256 << 10};

#define AIM_SIZE (16 << 10)
#define AIM 2.0

/* What a part of this program inherits: which contender it works for, and where the certificate is. */
#define WHO "LEAT_BENCH_TLS"
#define FOLDER "LEAT_BENCH_FOLDER"

static struct stage stage = {.runs = 5, .time_ms = 1000};

/* ---- the ends ---------------------------------------------------------------------------------------------------- */

static const char *file_in_folder(const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", getenv(FOLDER), name);
    return path;
}

static int tune_listener(nng_listener listener)
{
    return nng_listener_set_string(listener, NNG_OPT_TLS_CERT_KEY_FILE, file_in_folder("both.pem"));
}

static int tune_dialer(nng_dialer dialer)
{
    int code = nng_dialer_set_string(dialer, NNG_OPT_TLS_CA_FILE, file_in_folder("cert.pem"));
    return code ? code : nng_dialer_set_string(dialer, NNG_OPT_TLS_SERVER_NAME, "localhost");
}

/* In a part: as the parent asked by the environment. */
static void take_way(void)
{
    const char *who = getenv(WHO);
    if (!who || strcmp(who, contender_names[CLEAR]) == 0) {
        return;
    }
    peer_way = (struct peer_way){"tls+tcp", tune_listener, tune_dialer};
    if (strcmp(who, contender_names[PACKAGED]) != 0 && tls_engine_start() != 0) {
        pair_fail("leat's engine does not start with this nng");
    }
}

/* ---- one run ----------------------------------------------------------------------------------------------------- */

static void make_certificate(void)
{
    char command[1024];
    setenv(FOLDER, stage.folder, 1);
    snprintf(command, sizeof command,
             "cd '%s' && openssl req -x509 -newkey rsa:2048 -keyout key.pem -out cert.pem -days 90 -nodes -subj "
             "/CN=localhost 2>/dev/null && cat cert.pem key.pem >both.pem",
             stage.folder);
    if (system(command) != 0) {
        pair_fail("openssl makes no certificate");
    }
}

static void start_sender(enum contender contender, const char *url, const char *size)
{
    char lines[PATH_MAX + 64];
    if (contender != BRIDGE) {
        stage_start_peer("best", url, size, NULL);
        return;
    }
    snprintf(lines, sizeof lines, "tls.ca = %s\ntls.server_name = localhost\n", file_in_folder("cert.pem"));
    stage_start_gateway(&stage, url, lines);
    stage_start_peer("producer", "bench", size, NULL);
}

static double measure(enum contender contender, size_t message_size)
{
    char size[24], time[24], url[128];
    snprintf(size, sizeof size, "%zu", message_size);
    snprintf(time, sizeof time, "%d", stage.time_ms);
    setenv(WHO, contender_names[contender], 1);
    FILE *puller = stage_start_peer("puller", size, time, "1");
    stage_read_url(puller, url, sizeof url, contender_texts[contender]);
    start_sender(contender, url, size);
    return stage_read_rate(&stage, puller, contender_texts[contender]);
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static void print_json(size_t size, double rates[CONTENDERS][SAMPLES_MOST], const double middle[CONTENDERS])
{
    printf("%s\n  {\"benchmark\": \"tls\", \"size\": %zu, \"unit\": \"messages/s\", \"runs\": %d",
           size == sizes[0] ? "[" : ",", size, stage.runs);
    for (int i = 0; i < CONTENDERS; i++) {
        printf(", \"%s\": [%.0f, %.0f, %.0f]", contender_names[i], middle[i], rates[i][0], rates[i][stage.runs - 1]);
    }
    printf(", \"openssl/packaged\": %.3f, \"bridge/packaged\": %.3f}", middle[OPENSSL] / middle[PACKAGED],
           middle[BRIDGE] / middle[PACKAGED]);
}

static void print_row(size_t size, double rates[CONTENDERS][SAMPLES_MOST])
{
    double middle[CONTENDERS];
    for (int i = 0; i < CONTENDERS; i++) {
        middle[i] = median(rates[i], (size_t)stage.runs);
    }
    if (stage.json) {
        print_json(size, rates, middle);
        return;
    }
    printf("push to pull over tls+tcp, %zu B, median of %d runs [least..most], messages/s\n", size, stage.runs);
    for (int i = 0; i < CONTENDERS; i++) {
        printf("  %-22s %9.0f  [%.0f..%.0f]  %.0f MB/s\n", contender_texts[i], middle[i], rates[i][0],
               rates[i][stage.runs - 1], middle[i] * (double)size / 1e6);
    }
    printf("  leat's / packaged      %9.2f", middle[OPENSSL] / middle[PACKAGED]);
    printf(size == AIM_SIZE ? "  (aim: %.0f)\n" : "\n", AIM);
    printf("  leatd / packaged       %9.2f\n", middle[BRIDGE] / middle[PACKAGED]);
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
    take_way();
    stage_play_part(argc, argv);
    stage_open(&stage, argc, argv);
    make_certificate();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        compare(sizes[i]);
    }
    if (stage.json) {
        puts("\n]");
    }
    return 0;
}
