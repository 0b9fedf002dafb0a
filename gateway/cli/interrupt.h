/* SIGINT and SIGTERM end a command cleanly: they set a flag, interrupt system calls, and every wait is cut into slices. */
#ifndef LEAT_CLI_INTERRUPT_H
#define LEAT_CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

void interrupt_catch(void);
bool interrupted(void);

/* A wait that may last until `deadline_ns` (CLOCK_MONOTONIC; LEAT_FOREVER: for ever), cut so short that an interrupt is
 * noticed soon: for how long to wait now, 0 when the deadline has passed. */
int64_t interrupt_slice_ns(int64_t deadline_ns);

/* The deadline of a wait of `timeout_ns` that begins now; LEAT_FOREVER stays it. */
int64_t interrupt_deadline_ns(int64_t timeout_ns);

/* Sleeps until `deadline_ns` or the interrupt. */
void interrupt_sleep_until(int64_t deadline_ns);

#endif
