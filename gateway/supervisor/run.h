/* The entries of supervisor.h with the program to exec as a parameter, for tests; leatd execs itself. */
#ifndef LEAT_SUPERVISOR_RUN_H
#define LEAT_SUPERVISOR_RUN_H

#include "supervisor/supervisor.h"

int supervisor_run_program(struct config *config, const struct supervisor_origin *origin, const char *program);
int supervisor_check_program(struct config *config, const char *program, struct problems *problems);

#endif
