/* The checker at work: a process that loads the plugins and judges a whole configuration, so that a plugin that crashes or hangs takes
 * only it along. supervisor_check() waits for it; a reload goes on with its other work meanwhile. */
#ifndef LEAT_SUPERVISOR_CHECK_H
#define LEAT_SUPERVISOR_CHECK_H

#include "config/config.h"

struct check;

/* Starts the checker, `program --checker`. 0, or -errno. */
int check_start(struct check **check, const struct config *config, const char *program);

/* Readable whenever check_turn() has something to do. */
int check_fd(const struct check *check);

/* Takes what it says; ends it when it has been silent for too long. Blocks for `timeout_ms` at most; -1: until something happens. True: it has come to its end. */
bool check_turn(struct check *check, int timeout_ms);

/* After its end: adds what it found to `problems` and marks in `config` the keys whose values are secret. 0 or -EINVAL. */
int check_conclude(struct check *check, struct config *config, struct problems *problems);
void check_free(struct check *check); /* kills it when it still runs; NULL is fine */

#endif
