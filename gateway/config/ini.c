#include "config/ini.h"

#include "config/ini_line.h"
#include "config/memory.h"

#include <stdlib.h>
#include <string.h>

/* Where a scan is. */
struct scan {
    struct ini *ini;
    const char *file;
    struct problems *problems;
    const char *next, *end; /* bytes still to come */
    unsigned line;          /* physical line that was read last */
    const char *section;    /* of the keys that follow; NULL: before the first, or of one without a usable name */
    bool section_seen;
};

/* A physical line: `raw` bytes without the newline, `len` without the blanks at its end. */
struct physical {
    const char *text;
    size_t raw, len;
    bool usable;
};

static void report(struct scan *scan, unsigned line, const char *text)
{
    problems_add(scan->problems, scan->file, line, "%s", text);
}

/* ---- physical lines --------------------------------------------------------------------------------------------- */

static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static bool read_physical(struct scan *scan, struct physical *line)
{
    if (scan->next >= scan->end)
        return false;
    const size_t left = (size_t)(scan->end - scan->next);
    const char *newline = memchr(scan->next, '\n', left);
    line->text = scan->next;
    line->raw = newline != NULL ? (size_t)(newline - scan->next) : left;
    line->len = line->raw;
    scan->next += line->raw + (newline != NULL);
    scan->line++;
    while (line->len > 0 && ini_line_blank(line->text[line->len - 1]))
        line->len--;
    line->usable = false;
    if (memchr(line->text, '\0', line->raw) != NULL)
        report(scan, scan->line, "a NUL byte: this is not a text file");
    else if (has_control(line->text, line->len))
        report(scan, scan->line, "a control character in this line; remove it");
    else
        line->usable = true;
    return true;
}

/* ---- logical lines ---------------------------------------------------------------------------------------------- */

static bool continues(const struct physical *line)
{
    return line->len > 0 && line->text[line->len - 1] == '\\';
}

/* A logical line: its continuations joined as iniparser joins them. */
struct logical {
    char text[INI_LINE_MAX + 1];
    size_t len;
    bool usable;
    bool swallowed; /* a line that was perhaps none of its own */
};

/* Appends one physical line without its newline and, where it continues, without its backslash. */
static void append(struct scan *scan, struct logical *logical, const struct physical *line)
{
    const bool fits = logical->len + line->raw <= INI_LINE_MAX;
    if (!fits && logical->usable)
        problems_add(scan->problems, scan->file, scan->line,
                     "this line is too long: %zu bytes with its continuations, at most %d are read",
                     logical->len + line->raw, INI_LINE_MAX);
    if (!fits || !line->usable)
        logical->usable = false;
    if (!fits && logical->len > 0)
        return;
    const size_t all = continues(line) ? line->len - 1 : line->len;
    const size_t len = all < INI_LINE_MAX ? all : INI_LINE_MAX;
    memcpy(logical->text + logical->len, line->text, len);
    logical->len += len;
    logical->text[logical->len] = '\0';
}

static bool is_comment(const char *text)
{
    while (ini_line_blank(*text))
        text++;
    return *text == '#' || *text == ';';
}

/* Reads the lines that belong to a line ending in a backslash. They are indented: otherwise the backslash of a path such as
 * C:\dir\ would swallow the next key. */
static void read_continuations(struct scan *scan, struct logical *logical, struct physical *line)
{
    while (continues(line)) {
        const unsigned from = scan->line;
        if (!read_physical(scan, line)) {
            report(scan, from, "the file ends after a '\\' that continues this line; remove the '\\'");
            logical->usable = false;
            return;
        }
        if (!is_comment(logical->text) && (line->len == 0 || !ini_line_blank(line->text[0]))) {
            logical->swallowed = true;
            problems_add(scan->problems, scan->file, scan->line,
                         "line %u ends in '\\', so this line continues it; indent this line, or remove that '\\'",
                         from);
        }
        append(scan, logical, line);
    }
}

static bool read_logical(struct scan *scan, struct logical *logical, unsigned *first)
{
    struct physical line;
    if (!read_physical(scan, &line))
        return false;
    *first = scan->line;
    *logical = (struct logical){.usable = true};
    append(scan, logical, &line);
    read_continuations(scan, logical, &line);
    return true;
}

/* ---- what a line says ------------------------------------------------------------------------------------------- */

static void take_section(struct scan *scan, const char *text, unsigned line)
{
    struct ini *ini = scan->ini;
    char *name;
    char *problem = ini_line_section(text, &name);
    scan->section_seen = true;
    scan->section = NULL;
    if (problem != NULL)
        report(scan, line, problem);
    free(problem);
    if (name == NULL)
        return;
    const struct ini_section *before = ini_find_section(ini, name);
    if (before != NULL) {
        problems_add(scan->problems, scan->file, line, "[%s] is here a second time; the first is in line %u", name,
                     before->line);
        scan->section = before->name;
        free(name);
        return;
    }
    ini->sections = memory_grow(ini->sections, ini->section_count, &ini->section_capacity, sizeof(*ini->sections));
    ini->sections[ini->section_count++] = (struct ini_section){.name = name, .line = line};
    scan->section = name;
}

static void keep_entry(struct scan *scan, struct ini_entry entry)
{
    struct ini *ini = scan->ini;
    const struct ini_entry *before = ini_find(ini, entry.section, entry.key);
    if (before != NULL) {
        problems_add(scan->problems, scan->file, entry.line, "[%s] %s is here a second time; the first is in line %u",
                     entry.section, entry.key, before->line);
        free(entry.key);
        free(entry.value);
        return;
    }
    entry.section = memory_copy(entry.section);
    ini->entries = memory_grow(ini->entries, ini->entry_count, &ini->entry_capacity, sizeof(*ini->entries));
    ini->entries[ini->entry_count++] = entry;
}

static void take_entry(struct scan *scan, const char *text, unsigned line, bool swallowed)
{
    char *key, *value;
    char *problem = ini_line_entry(text, &key, &value);
    if (problem != NULL && key != NULL && scan->section != NULL)
        problems_add(scan->problems, scan->file, line, "[%s] %s: %s", scan->section, key, problem);
    else if (problem != NULL)
        report(scan, line, problem);
    if (!scan->section_seen && key != NULL)
        problems_add(scan->problems, scan->file, line, "'%s' stands before the first [section]", key);
    if (scan->section != NULL && key != NULL) {
        keep_entry(scan, (struct ini_entry){.section = (char *)scan->section,
                                            .key = key,
                                            .value = value,
                                            .line = line,
                                            .doubtful = problem != NULL || swallowed});
    } else {
        free(key);
        free(value);
    }
    free(problem);
}

/* A line that was refused whole still says which key it is, so that nobody calls that one missing. */
static void take_key(struct scan *scan, const char *text, unsigned line)
{
    char *key = NULL, *value = NULL;
    free(ini_line_entry(text, &key, &value));
    if (key != NULL && scan->section != NULL && !is_comment(text))
        keep_entry(scan,
                   (struct ini_entry){
                       .section = (char *)scan->section, .key = key, .value = value, .line = line, .doubtful = true});
    else {
        free(key);
        free(value);
    }
}

static void take_line(struct scan *scan, struct logical *logical, unsigned line)
{
    char *text = logical->text;
    while (ini_line_blank(*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && ini_line_blank(text[len - 1]))
        text[--len] = '\0';
    if (*text == '\0')
        return;
    if (*text == '#' || *text == ';') {
        if (scan->line != line)
            report(scan, line, "this comment ends in '\\' and swallows the next line; remove the '\\'");
    } else if (*text == '[') {
        take_section(scan, text, line);
    } else {
        take_entry(scan, text, line, logical->swallowed);
    }
}

static void skip_mark(struct scan *scan)
{
    static const char mark[] = "\xef\xbb\xbf";
    const size_t len = sizeof(mark) - 1;
    if ((size_t)(scan->end - scan->next) >= len && memcmp(scan->next, mark, len) == 0) {
        report(scan, 1, "the file starts with a byte order mark; save it as UTF-8 without one");
        scan->next += len;
    }
}

void ini_scan(struct ini *ini, const char *bytes, size_t len, const char *file, struct problems *problems)
{
    struct scan scan = {.ini = ini, .file = file, .problems = problems, .next = bytes, .end = bytes + len};
    struct logical logical;
    unsigned first;
    skip_mark(&scan);
    while (read_logical(&scan, &logical, &first)) {
        if (logical.usable)
            take_line(&scan, &logical, first);
        else
            take_key(&scan, logical.text, first);
    }
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

const struct ini_section *ini_find_section(const struct ini *ini, const char *name)
{
    for (size_t i = 0; i < ini->section_count; i++) {
        if (strcmp(ini->sections[i].name, name) == 0)
            return &ini->sections[i];
    }
    return NULL;
}

const struct ini_entry *ini_find(const struct ini *ini, const char *section, const char *key)
{
    for (size_t i = 0; i < ini->entry_count; i++) {
        if (strcmp(ini->entries[i].section, section) == 0 && strcmp(ini->entries[i].key, key) == 0)
            return &ini->entries[i];
    }
    return NULL;
}

void ini_fini(struct ini *ini)
{
    for (size_t i = 0; i < ini->section_count; i++)
        free(ini->sections[i].name);
    for (size_t i = 0; i < ini->entry_count; i++) {
        free(ini->entries[i].section);
        free(ini->entries[i].key);
        free(ini->entries[i].value);
    }
    free(ini->sections);
    free(ini->entries);
    *ini = (struct ini){0};
}
