/* supervisor_run and supervisor_check with the program to exec as a parameter, for tests; leatd execs itself. */
#ifndef LEAT_SUPERVISOR_RUN_H
#define LEAT_SUPERVISOR_RUN_H

#include "supervisor/supervisor.h"

int supervisor_run_program(const struct config *config, const char *program);
int supervisor_check_program(const struct config *config, const char *program, struct problems *problems);

#endif
