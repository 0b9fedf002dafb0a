#include "admin/answer.h"

#include "admin/metrics.h"
#include "admin/report.h"
#include "admin/status_page.h"
#include "base/clock.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_NS (100 * NS_PER_MS) /* however many ask, the page is copied no more often */
#define SILENT_NS (10 * NS_PER_S)  /* a supervisor that gave no sign for so long hangs */
#define BRIDGES_PATH "/api/v1/bridges/"
#define TYPE_JSON "application/json; charset=utf-8"

/* ---- bodies ------------------------------------------------------------------------------------------------------------ */

/* Where there is no memory for an answer. */
static void put_shortage(struct answer *answer)
{
    static char text[] = "{\"error\":\"no memory\"}";
    *answer = (struct answer){503, TYPE_JSON, text, sizeof text - 1, true};
}

static void put_text(struct answer *answer, unsigned status, const char *type, char *text)
{
    if (text)
        *answer = (struct answer){status, type, text, strlen(text), false};
    else
        put_shortage(answer);
}

/* Takes the object. */
static void put_json(struct answer *answer, unsigned status, cJSON *object)
{
    put_text(answer, status, TYPE_JSON, object ? cJSON_PrintUnformatted(object) : NULL);
    cJSON_Delete(object);
}

void answer_error(struct answer *answer, unsigned status, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "error", text);
    put_json(answer, status, object);
}

void answer_fini(struct answer *answer)
{
    if (!answer->constant)
        free(answer->body);
    *answer = (struct answer){0};
}

/* A number behind '?', or its default; false when what stands there is none. */
static bool take_number(const struct question *question, const char *name, uint64_t *number)
{
    const char *text = question->argument(question->user, name);
    if (!text)
        return true;
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *text >= '0' && *text <= '9';
}

/* ---- what is there ----------------------------------------------------------------------------------------------------- */

/* Everything that needs a look at the page. */
typedef void give_fn(const struct look *look, const struct question *question, struct answer *answer);

static void give_metrics(const struct look *look, const struct question *question, struct answer *answer)
{
    (void)question;
    put_text(answer, 200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(look));
}

static void give_ready(const struct look *look, const struct question *question, struct answer *answer)
{
    (void)question;
    bool ready;
    cJSON *report = report_ready(look, &ready);
    put_json(answer, ready ? 200 : 503, report);
}

static void give_gateway(const struct look *look, const struct question *question, struct answer *answer)
{
    (void)question;
    put_json(answer, 200, report_gateway(look));
}

static void give_bridges(const struct look *look, const struct question *question, struct answer *answer)
{
    (void)question;
    put_json(answer, 200, report_bridges(look));
}

static void give_bridge(const struct look *look, const struct question *question, struct answer *answer)
{
    const char *name = question->path + strlen(BRIDGES_PATH);
    const struct page_bridge *bridge = *name ? page_find(&look->page, name) : NULL;
    if (bridge)
        put_json(answer, 200, report_bridge(look, bridge));
    else
        answer_error(answer, 404, "this gateway has no bridge of that name");
}

static void give_events(const struct look *look, const struct question *question, struct answer *answer)
{
    uint64_t after = 0;
    if (take_number(question, "after", &after))
        put_json(answer, 200, report_events(look, after));
    else
        answer_error(answer, 400, "after: expected an event's number");
}

static const struct route {
    const char *path;
    give_fn *give;
} routes[] = {
    {"/metrics", give_metrics},        {"/ready", give_ready},          {"/api/v1/gateway", give_gateway},
    {"/api/v1/bridges", give_bridges}, {"/api/v1/events", give_events},
};

static give_fn *find_give(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(routes[i].path, path) == 0)
            return routes[i].give;
    return strncmp(path, BRIDGES_PATH, strlen(BRIDGES_PATH)) == 0 ? give_bridge : NULL;
}

/* ---- what needs no look ------------------------------------------------------------------------------------------------ */

static void give_status_page(struct answer *answer)
{
    *answer = (struct answer){200, "text/html; charset=utf-8", (char *)status_page, status_page_bytes, true};
}

static void give_health(struct view *view, struct answer *answer)
{
    int64_t silent_ns = clock_monotonic_ns() - atomic_load_explicit(&view->beat_ns, memory_order_relaxed);
    bool alive = silent_ns < SILENT_NS;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "status", alive ? "alive" : "hung");
    cJSON_AddStringToObject(object, "gateway", view->looks.gateway);
    put_json(answer, alive ? 200 : 503, object);
}

static bool has_bridge(struct view *view, const char *name)
{
    struct look *look = looks_take(&view->looks, FRESH_NS);
    bool found = look && name && *name && page_find(&look->page, name);
    look_release(look);
    return found;
}

static void give_history(struct view *view, const struct question *question, struct answer *answer)
{
    uint64_t after_ns = 0;
    const char *bridge = question->argument(question->user, "bridge");
    if (!take_number(question, "after", &after_ns)) {
        answer_error(answer, 400, "after: expected a time in nanoseconds, as `times_ns` has them");
        return;
    }
    struct history_stretch *stretch = history_read(view->history, bridge, after_ns);
    if (!stretch && has_bridge(view, bridge)) /* its first second has not ended yet */
        stretch = history_nothing();
    if (stretch)
        put_json(answer, 200, report_history(stretch, bridge));
    else
        answer_error(answer, 404, "there is no history of a bridge of that name");
    free(stretch);
}

/* ---- the door ---------------------------------------------------------------------------------------------------------- */

bool answer_is_open(const char *path)
{
    return strcmp(path, "/") == 0 || strcmp(path, "/health") == 0;
}

static void give_from_look(struct view *view, give_fn *give, const struct question *question, struct answer *answer)
{
    struct look *look = looks_take(&view->looks, FRESH_NS);
    if (look)
        give(look, question, answer);
    else
        answer_error(answer, 503, "the gateway's page cannot be read");
    look_release(look);
}

void answer_question(struct view *view, const struct question *question, struct answer *answer)
{
    give_fn *give = find_give(question->path);
    if (give)
        give_from_look(view, give, question, answer);
    else if (strcmp(question->path, "/") == 0)
        give_status_page(answer);
    else if (strcmp(question->path, "/health") == 0)
        give_health(view, answer);
    else if (strcmp(question->path, "/api/v1/history") == 0)
        give_history(view, question, answer);
    else
        answer_error(answer, 404,
                     "nothing is here; see / /metrics /health /ready and /api/v1/{gateway,bridges,"
                     "bridges/NAME,events,history}");
}
