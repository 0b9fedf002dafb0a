/* What `leat doctor` looks at beside what plugins examine. Each tells what it finds, good news too. */
#ifndef LEAT_CLI_DOCTOR_AREAS_H
#define LEAT_CLI_DOCTOR_AREAS_H

#include "cli/doctor/report.h"
#include "cli/ledger/books.h"
#include "config/config.h"

#include <sys/types.h>

/* The folder of channels and pages: how full it is, and whose files fill it. */
void doctor_memory(struct doctor_report *report);

/* Every gateway that has a page: whether it lives, its bridges, books and reloads. */
void doctor_gateways(struct doctor_report *report);

/* The peers of one gateway that lose messages. May wait for a second look. */
void doctor_peers(struct doctor_report *report, const struct ledger *ledger, const char *gateway);

/* The limits of a process of a gateway: open files, size of files. */
void doctor_limits(struct doctor_report *report, const char *subject, pid_t pid);

/* The configuration `file`, or, with NULL, that of every gateway that runs and the installed one. False: it could not be examined. */
bool doctor_configurations(struct doctor_report *report, const char *file);

/* Of one configuration: its certificates and the files that hold its secrets. */
void doctor_files(struct doctor_report *report, const struct config *config);

/* Who listens at a TCP port of this host: "nginx (pid 71, user www-data)"; false when nobody does. */
bool doctor_port_holder(unsigned port, char *text, size_t size);

const char *doctor_user_name(uid_t user, char text[32]);

#endif
