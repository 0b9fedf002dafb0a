#include "admin/metrics_format.h"

void metrics_family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP leat_%s %s\n# TYPE leat_%s %s\n", name, help, name, type);
}

static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if (*text == '\n')
            fputs("\\n", out);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

void metrics_label(FILE *out, const char *before, const char *name, const char *text)
{
    fprintf(out, "%s%s=", before, name);
    put_quoted(out, text);
}

double metrics_seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

uint64_t metrics_number(const void *start, const struct metrics_row *row)
{
    const void *at = (const char *)start + row->offset;
    return row->narrow ? look_u32(at) : look_u64(at);
}

void metrics_each_bridge(FILE *out, const struct look *look, metrics_bridge_fn *each, const void *how)
{
    for (size_t i = 0; i < page_bridge_count(&look->page); i++)
        if (page_bridge_is_used(&look->page.page->bridges[i]))
            each(out, &look->page.page->bridges[i], how);
}
