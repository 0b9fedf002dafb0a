/* A terminal that is drawn on again and again: its size, single keys, and that it is left as it was found. */
#ifndef LEAT_CLI_TOP_TERMINAL_H
#define LEAT_CLI_TOP_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/* Of the terminal at stdout; 0 where it is none. $COLUMNS and $LINES go first. */
void terminal_size(int *columns, int *lines);

/* Takes the screen over, and keys from stdin where that is a terminal; a change of size interrupts terminal_key(). */
void terminal_open(void);
void terminal_close(void);

enum { TERMINAL_UP = 0x100, TERMINAL_DOWN, TERMINAL_RESIZED, TERMINAL_NOTHING };

/* The next key, or one of the above; waits until `deadline_ns` (CLOCK_MONOTONIC). -1: no key will ever come. */
int terminal_key(int64_t deadline_ns);

#endif
