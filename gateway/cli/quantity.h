/* Numbers as people write and read them: "64KiB", "250ms", "10k", "4 MiB". */
#ifndef LEAT_CLI_QUANTITY_H
#define LEAT_CLI_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

/* 0, or -EINVAL for anything that is not exactly a number with one of these units. */
int parse_count(const char *text, uint64_t *count);         /* 1000, 10k, 1M, 1G         */
int parse_size(const char *text, uint64_t *bytes);          /* 512, 64KiB, 1MB           */
int parse_duration(const char *text, int64_t *nanoseconds); /* 250ms, 2s, 1.5s, forever  */
int parse_rate(const char *text, double *per_second);       /* 1000, 1000/s, 10k/s, 6/min */

/* Room for every text below. */
#define QUANTITY_BYTES 24

/* Each writes into `text`, QUANTITY_BYTES long, and returns it. At most 8 columns. */
const char *format_count(char *text, double count);          /* "999", "1.23M"     */
const char *format_size(char *text, double bytes);           /* "64 B", "4 MiB"     */
const char *format_duration(char *text, double nanoseconds); /* "12 us", "3.4 min" */

#endif
