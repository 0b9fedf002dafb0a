#include "channel_calls.h"
#include "subject.h"
#include "ways.h"

#include <stdio.h>
#include <string.h>

enum { READING, WRITING, COUNT };

const char *channel_where(void)
{
    static char text[512];
    const char *given = test_subject.kit->where, *own = given ? strstr(given, "%f") : NULL;
    if (!given)
        return strrchr(test_subject.folder, '/') + 1;
    if (!own)
        return given;
    snprintf(text, sizeof text, "%.*s%s%s", (int)(own - given), given, test_subject.folder, own + 2);
    return text;
}

static unsigned count(void)
{
    return COUNT;
}

static const char *name(unsigned way)
{
    return way == READING ? "to read" : "to write";
}

static bool has_check(void)
{
    return test_subject.plugin.channel.check != NULL;
}

static int32_t check(unsigned way, const void *values)
{
    return test_subject.plugin.channel.check(subject_host(), channel_where(), values, way == READING);
}

/* Who reads needs a channel: a writer makes it, and stays. */
static void prepare(unsigned way)
{
    static void *writer;
    if (way == READING)
        channel_writer_open(&writer, subject_values());
}

static int32_t start(unsigned way, const void *values)
{
    void *end;
    int32_t error =
        way == READING ? channel_reader_open(&end, values, "gateway.test") : channel_writer_open(&end, values);
    if (!error && way == READING)
        channel_reader_close(end);
    else if (!error)
        channel_writer_close(end);
    return error;
}

static void cycle(unsigned way, const void *values)
{
    start(way, values);
}

const struct ways channel_ways = {count, name, has_check, check, prepare, start, cycle};
