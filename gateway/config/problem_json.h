/* What a check found, as one JSON object for programs:
 *
 *     {"valid": false, "bridges": 2, "problems": [{"file": "leat.ini", "line": 9, "text": "[bridge.a] ..."}], "warnings": []}
 *
 * A warning looks like a problem; a configuration with warnings alone is valid. "file" and "line" are left out where none is to blame. */
#ifndef LEAT_CONFIG_PROBLEM_JSON_H
#define LEAT_CONFIG_PROBLEM_JSON_H

#include "config/problem.h"

/* Sorted as problems_print sorts them; with the warnings that `problems` collects, if it does. */
void problems_print_json(struct problems *problems, size_t bridges, FILE *to);

#endif
