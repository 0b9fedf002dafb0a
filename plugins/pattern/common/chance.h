/* Random bits, for numbers that no other process draws. */
#ifndef LEAT_CHANCE_H
#define LEAT_CHANCE_H

#include <stdint.h>

/* 0, or a negative errno where the kernel gives none. Any thread. */
int chance_draw(uint64_t *bits);

#endif
