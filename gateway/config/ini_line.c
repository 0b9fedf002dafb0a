#include "config/ini_line.h"

#include "config/ini.h"
#include "config/memory.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789._-"

int ini_line_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *trimmed(const char *text, size_t len)
{
    while (len > 0 && ini_line_blank(*text)) {
        text++;
        len--;
    }
    while (len > 0 && ini_line_blank(text[len - 1]))
        len--;
    return memory_copy_part(text, len);
}

static bool lower_case(char *name)
{
    bool changed = false;
    for (; *name != '\0'; name++) {
        if (*name >= 'A' && *name <= 'Z') {
            *name = (char)(*name - 'A' + 'a');
            changed = true;
        }
    }
    return changed;
}

static bool is_name(const char *name)
{
    const size_t len = strlen(name);
    return len > 0 && len <= INI_NAME_MAX && strspn(name, NAME_LETTERS) == len;
}

/* What is wrong with a name, or NULL; `name` is made lower case. */
static char *name_problem(char *name, const char *what)
{
    const bool changed = lower_case(name);
    if (!is_name(name))
        return memory_format("a %s is named with at most %d letters, digits, '.', '_' and '-'; '%.40s' is not", what,
                             INI_NAME_MAX, name);
    return changed ? memory_format("a %s is written in lower case: '%s'", what, name) : NULL;
}

/* ---- [section] ------------------------------------------------------------------------------------------------- */

/* iniparser stores "section:key" and takes keys of [a:b] for keys of [a]. */
static char *colon_problem(char *name)
{
    char *wrong = memory_copy(name);
    for (char *c = name; *c != '\0'; c++)
        *c = *c == ':' ? '.' : *c;
    lower_case(name);
    char *problem = memory_format("a section's name has no ':'; write [%s] instead of [%s]", name, wrong);
    free(wrong);
    return problem;
}

char *ini_line_section(const char *line, char **name)
{
    *name = NULL;
    const char *end = strchr(line, ']');
    if (end == NULL)
        return memory_copy("this section has no ']'; write [name]");
    char *text = trimmed(line + 1, (size_t)(end - line - 1));
    const bool blanks = strlen(text) != (size_t)(end - line - 1);
    char *problem;
    if (*text == '\0')
        problem = memory_copy("a section needs a name: [gateway] or [bridge.NAME]");
    else if (strchr(text, ':') != NULL)
        problem = colon_problem(text);
    else
        problem = name_problem(text, "section");
    if (problem == NULL && blanks)
        problem = memory_format("no blanks inside the brackets: write [%s]", text);
    if (problem == NULL && end[1] != '\0')
        problem = memory_format("nothing may follow [%s] on its line; put the comment on a line of its own", text);
    if (is_name(text))
        *name = text;
    else
        free(text);
    return problem;
}

/* ---- key = value ----------------------------------------------------------------------------------------------- */

static char *quoted_value(const char *text, char **value)
{
    const char quote = *text;
    const char *end = strchr(text + 1, quote);
    if (end == NULL) {
        *value = memory_copy(text + 1);
        return memory_format("the closing %c is missing", quote);
    }
    *value = memory_copy_part(text + 1, (size_t)(end - text - 1));
    if (strchr(*value, '\\') != NULL)
        return memory_copy("no backslash inside quotes: releases of iniparser differ in what it means");
    const char *rest = end + 1;
    while (ini_line_blank(*rest))
        rest++;
    if (*rest != '\0' && *rest != ';' && *rest != '#')
        return memory_format("'%.40s' after the closing %c would be lost; quote the whole value", rest, quote);
    return NULL;
}

static bool is_odd(const char *text, char c)
{
    bool odd = false;
    for (; *text != '\0'; text++)
        odd ^= *text == c;
    return odd;
}

static char *plain_value(const char *text, char **value)
{
    const size_t kept = strcspn(text, ";#");
    const char mark = text[kept];
    *value = trimmed(text, kept);
    if (mark == '\0')
        return NULL;
    const bool comment = kept > 0 && ini_line_blank(text[kept - 1]);
    if (comment && !is_odd(*value, '"'))
        return NULL;
    return memory_format(
        "'%c' starts a comment here and leaves only '%s'; put the value in double quotes, or a blank before "
        "a comment",
        mark, *value);
}

static char *no_equals(const char *line)
{
    const char *colon = strchr(line, ':');
    if (colon != NULL && colon > line && ini_line_blank(colon[1])) {
        const char *rest = colon + 1 + strspn(colon + 1, " \t");
        return memory_format("expected key = value; write '%.*s = %.60s'", (int)(colon - line), line, rest);
    }
    return memory_format("expected key = value or [section], found '%.60s'", line);
}

char *ini_line_entry(const char *line, char **key, char **value)
{
    *key = *value = NULL;
    const char *equals = strchr(line, '=');
    if (equals == NULL)
        return no_equals(line);
    if (equals == line)
        return memory_copy("expected a key before '='");
    *key = trimmed(line, (size_t)(equals - line));
    char *text = trimmed(equals + 1, strlen(equals + 1));
    char *problem = *text == '"' || *text == '\'' ? quoted_value(text, value) : plain_value(text, value);
    free(text);
    char *wrong_key = name_problem(*key, "key");
    if (!is_name(*key)) {
        free(*key);
        free(*value);
        *key = *value = NULL;
    }
    if (wrong_key == NULL)
        return problem;
    free(problem);
    return wrong_key;
}
