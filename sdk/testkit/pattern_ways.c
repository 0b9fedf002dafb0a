#include "pattern_calls.h"
#include "subject.h"
#include "ways.h"

#include <leat/plugin/channel.h>
#include <stdio.h>

#define CHANNELS_MANY 3
#define KEEPS_ALL \
    (LEAT_CHANNEL_KEEPS_METADATA | LEAT_CHANNEL_KEEPS_ORIGIN | LEAT_CHANNEL_DURABLE | LEAT_CHANNEL_KEEPS_TAG)

struct form {
    uint32_t direction, channels;
    bool reply;
};

#define FORMS_MAX 8

/* The forms of a bridge that the gateway allows for this pattern. */
static unsigned list_forms(struct form forms[FORMS_MAX])
{
    const struct leat_pattern_ops *ops = &test_subject.plugin.pattern;
    unsigned count = 0;
    for (uint32_t direction = LEAT_OUT; direction <= LEAT_IN; direction++) {
        if (!(ops->directions & direction))
            continue;
        forms[count++] = (struct form){direction, 1, ops->answers};
        if (!ops->answers)
            forms[count++] = (struct form){direction, CHANNELS_MANY, false};
    }
    if (ops->duplex) {
        forms[count++] = (struct form){LEAT_BOTH, 1, false};
        forms[count++] = (struct form){LEAT_BOTH, 1, true};
    }
    return count;
}

static unsigned count(void)
{
    struct form forms[FORMS_MAX];
    return list_forms(forms);
}

static struct form form_of(unsigned way)
{
    struct form forms[FORMS_MAX];
    list_forms(forms);
    return forms[way];
}

static const char *name(unsigned way)
{
    static char text[64];
    struct form form = form_of(way);
    snprintf(text, sizeof text, "direction = %s, %u channel%s%s",
             form.direction == LEAT_OUT  ? "out"
             : form.direction == LEAT_IN ? "in"
                                         : "both",
             form.channels, form.channels == 1 ? "" : "s", form.reply ? ", a reply_channel" : "");
    return text;
}

const struct leat_bridge_view *pattern_view(unsigned way)
{
    static const char *const channels[] = {"first", "second", "third"};
    static struct leat_bridge_view views[FORMS_MAX];
    struct form form = form_of(way);
    views[way] = (struct leat_bridge_view){.size = sizeof views[way],
                                           .direction = form.direction,
                                           .channel_count = form.channels,
                                           .channel_names = channels,
                                           .reply_channel_name = form.reply ? "answers" : NULL,
                                           .gateway_name = "gateway",
                                           .name = "test",
                                           .keeps = KEEPS_ALL};
    return &views[way];
}

static bool has_check(void)
{
    return test_subject.plugin.pattern.check != NULL;
}

static int32_t check(unsigned way, const void *values)
{
    return test_subject.plugin.pattern.check(subject_host(), pattern_view(way), values);
}

static void prepare(unsigned way)
{
    (void)way;
}

static int32_t start(unsigned way, const void *values)
{
    void *self;
    struct leat_socket_request request;
    int32_t error = pattern_create(&self, pattern_view(way), values);
    if (error)
        return error;
    pattern_socket(self, &request);
    pattern_destroy(self);
    return 0;
}

static void cycle(unsigned way, const void *values)
{
    start(way, values);
}

const struct ways pattern_ways = {count, name, has_check, check, prepare, start, cycle};
