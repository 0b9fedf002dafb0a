#include "cli/doctor/report.h"

#include "cli/json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const grades[] = {"good", "note", "warning", "error"};
static const char *const repairs[] = {"none", "possible", "done", "failed"};
static const char *const colours[] = {"\033[32m", "\033[36m", "\033[33m", "\033[31m"};

static const char *word(const char *const *words, uint32_t index)
{
    return index < 4 ? words[index] : "unknown";
}

static unsigned index_of(const char *const *words, const cJSON *value)
{
    for (unsigned i = 0; i < 4 && cJSON_IsString(value); i++) {
        if (strcmp(words[i], value->valuestring) == 0) {
            return i;
        }
    }
    return 3;
}

static cJSON *finding_json(const char *key, const char *who, const struct leat_finding *finding)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, key, who);
    cJSON_AddStringToObject(object, "subject", finding->subject ? finding->subject : "");
    cJSON_AddStringToObject(object, "grade", word(grades, finding->grade));
    cJSON_AddStringToObject(object, "code", finding->code ? finding->code : "");
    cJSON_AddStringToObject(object, "text", finding->text ? finding->text : "");
    if (finding->remedy) {
        cJSON_AddStringToObject(object, "remedy", finding->remedy);
    }
    cJSON_AddStringToObject(object, "repair", word(repairs, finding->repair));
    return object;
}

/* ---- the child's side ---------------------------------------------------------------------------------------------- */

void doctor_report_write(FILE *to, const char *plugin, const struct leat_finding *finding)
{
    cJSON *object = finding_json("plugin", plugin, finding);
    char *line = cJSON_PrintUnformatted(object);
    fprintf(to, "%s\n", line ? line : "");
    fflush(to); /* what comes next may be a crash */
    free(line);
    cJSON_Delete(object);
}

/* ---- showing ------------------------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *finding, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(finding, name);
    return cJSON_IsString(value) ? value->valuestring : "";
}

static void print_text(const struct doctor_report *report, const cJSON *finding, unsigned grade, unsigned repair)
{
    static const char *const before[] = {"", "--repair: ", "done: ", "failed: "};
    const char *remedy = text_of(finding, "remedy");
    printf("%s%-7s%s  %s: %s\n", report->coloured ? colours[grade] : "", grades[grade],
           report->coloured ? "\033[0m" : "", text_of(finding, "subject"), text_of(finding, "text"));
    if (remedy[0]) {
        printf("         %s%s\n", before[repair], remedy);
    }
}

static void add(struct doctor_report *report, cJSON *finding)
{
    const unsigned grade = index_of(grades, cJSON_GetObjectItemCaseSensitive(finding, "grade"));
    const unsigned repair = index_of(repairs, cJSON_GetObjectItemCaseSensitive(finding, "repair"));
    report->findings++;
    report->repairable += repair == LEAT_REPAIR_POSSIBLE;
    report->bad += grade >= LEAT_FINDING_WARNING && repair != LEAT_REPAIR_DONE;
    if (report->json) {
        cJSON_AddItemToArray(report->array, finding);
    } else {
        print_text(report, finding, grade, repair);
        cJSON_Delete(finding);
    }
}

void doctor_report_init(struct doctor_report *report, bool json, bool repair)
{
    *report = (struct doctor_report){.json = json, .repair = repair, .coloured = !json && isatty(STDOUT_FILENO)};
    if (json) {
        report->array = cJSON_CreateArray();
    }
}

void doctor_tell(struct doctor_report *report, const char *area, struct leat_finding finding, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    finding.text = text;
    add(report, finding_json("area", area, &finding));
}

void doctor_report_add(struct doctor_report *report, FILE *from)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, from) > 0) {
        cJSON *finding = cJSON_Parse(line);
        if (finding) { /* a plugin may have printed something of its own */
            add(report, finding);
        }
    }
    free(line);
}

void doctor_report_end(struct doctor_report *report, bool complete)
{
    if (report->json) {
        json_print(report->array, true);
    } else if (report->findings == 0 && complete) {
        puts("There is nothing to examine.");
    } else if (report->repairable) {
        puts("`leat doctor --repair` does what is marked so.");
    }
}
