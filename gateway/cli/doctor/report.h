/* What the plugins found, for people and for programs: as lines with the remedy below, or as one JSON array. */
#ifndef LEAT_CLI_DOCTOR_REPORT_H
#define LEAT_CLI_DOCTOR_REPORT_H

#include <leat/plugin/examination.h>

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

struct doctor_report {
    bool json, repair, coloured;
    cJSON *array;        /* with `json` */
    unsigned findings;   /* of any grade */
    unsigned repairable; /* that --repair would mend */
    unsigned bad;        /* warnings and errors that were not repaired */
};

void doctor_report_init(struct doctor_report *report, bool json, bool repair);

/* What this program itself found: `finding` has all but its text. `area` is what it looked at: "memory", "gateway". */
__attribute__((format(printf, 4, 5))) void doctor_tell(struct doctor_report *report, const char *area,
                                                       struct leat_finding finding, const char *format, ...);

/* In the child: one line that doctor_report_add reads. */
void doctor_report_write(FILE *to, const char *plugin, const struct leat_finding *finding);

/* Shows the findings that a child wrote, also those of one that did not come to its end. */
void doctor_report_add(struct doctor_report *report, FILE *from);

/* Prints what is printed at the end, and frees. `complete`: every plugin could look. */
void doctor_report_end(struct doctor_report *report, bool complete);

#endif
