#include "admin/metrics.h"

#include "admin/metrics_format.h"

#include <leat/version.h>

#include <inttypes.h>
#include <stdlib.h>

static void put_gateway(FILE *out, const struct look *look)
{
    const struct page *page = look->page.page;
    metrics_family(out, "gateway_info", "gauge", "The gateway's name and version; always 1.");
    metrics_label(out, "leat_gateway_info{", "gateway", page->name);
    metrics_label(out, ",", "version", LEAT_VERSION);
    fputs("} 1\n", out);
    metrics_family(out, "gateway_state", "gauge", "1 for the state that the gateway is in, 0 for the others.");
    for (uint32_t state = 0; state <= PAGE_FAILED; state++)
        fprintf(out, "leat_gateway_state{state=\"%s\"} %d\n", page_state_name(state), look_u32(&page->state) == state);
    metrics_family(out, "gateway_start_time_seconds", "gauge", "When the gateway was started, in seconds since 1970.");
    fprintf(out, "leat_gateway_start_time_seconds %.3f\n", metrics_seconds(page->started_ns));
    metrics_family(out, "config_generation", "gauge", "Which configuration runs: 1, and one more with each reload.");
    fprintf(out, "leat_config_generation %" PRIu64 "\n", look_u64(&page->generation));
    metrics_family(out, "config_last_reload_successful", "gauge",
                   "0 when the last reload failed and the configuration before it runs on.");
    fprintf(out, "leat_config_last_reload_successful %d\n", page->reload_failure[0] == '\0');
    metrics_family(out, "config_last_reload_success_timestamp_seconds", "gauge",
                   "When a reload succeeded last, in seconds since 1970; 0: never.");
    fprintf(out, "leat_config_last_reload_success_timestamp_seconds %.3f\n",
            metrics_seconds(look_u64(&page->reloaded_ns)));
    metrics_family(out, "config_reload_failures_total", "counter", "Reloads that failed.");
    fprintf(out, "leat_config_reload_failures_total %" PRIu64 "\n", look_u64(&page->reload_failures));
    metrics_family(out, "events_total", "counter", "Events that the page has noted.");
    fprintf(out, "leat_events_total %" PRIu64 "\n", look_u64(&page->events_written));
}

char *metrics_text(const struct look *look)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    put_gateway(out, look);
    metrics_bridges(out, look);
    metrics_lanes(out, look);
    metrics_peers(out, look);
    bool whole = !ferror(out);
    if (fclose(out) == 0 && whole)
        return text;
    free(text);
    return NULL;
}
