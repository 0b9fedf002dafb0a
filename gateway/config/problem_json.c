#include "config/problem_json.h"

#include <cjson/cJSON.h>

static cJSON *problem_json(const struct problem *problem)
{
    cJSON *object = cJSON_CreateObject();
    if (problem->file != NULL)
        cJSON_AddStringToObject(object, "file", problem->file);
    if (problem->line > 0)
        cJSON_AddNumberToObject(object, "line", problem->line);
    cJSON_AddStringToObject(object, "text", problem->text);
    return object;
}

static void add_list(cJSON *object, const char *name, struct problems *problems)
{
    cJSON *list = cJSON_AddArrayToObject(object, name);
    if (problems == NULL)
        return;
    problems_sort(problems);
    for (size_t i = 0; i < problems->count; i++)
        cJSON_AddItemToArray(list, problem_json(&problems->items[i]));
}

void problems_print_json(struct problems *problems, size_t bridges, FILE *to)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddBoolToObject(object, "valid", problems->count == 0);
    cJSON_AddNumberToObject(object, "bridges", (double)bridges);
    add_list(object, "problems", problems);
    add_list(object, "warnings", problems->warnings);
    char *text = cJSON_Print(object);
    fprintf(to, "%s\n", text != NULL ? text : "null");
    cJSON_free(text);
    cJSON_Delete(object);
}
