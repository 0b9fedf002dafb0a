#include "config/expand.h"

#include "config/ini_load.h"
#include "config/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET_MAX_BYTES 65536

/* A text that grows. */
struct buffer {
    char *text;
    size_t len;
};

static void append(struct buffer *buffer, const char *text, size_t len)
{
    buffer->text = memory_resize(buffer->text, buffer->len + len + 1, 1);
    memcpy(buffer->text + buffer->len, text, len);
    buffer->len += len;
    buffer->text[buffer->len] = '\0';
}

char *expand_folder(const char *file)
{
    const char *slash = strrchr(file, '/');
    if (slash == NULL)
        return memory_copy(".");
    return memory_copy_part(file, slash == file ? 1 : (size_t)(slash - file));
}

char *expand_path(const char *path, const char *folder)
{
    if (path[0] == '/')
        return memory_copy(path);
    if (folder[0] == '/')
        return memory_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, path);
    char *here = getcwd(NULL, 0);
    char *absolute = strcmp(folder, ".") == 0 ? memory_format("%s/%s", here != NULL ? here : "", path)
                                              : memory_format("%s/%s/%s", here != NULL ? here : "", folder, path);
    free(here);
    return absolute;
}

/* ${env:NAME} and ${env:NAME:-default}; like a shell, an empty variable takes the default too. */
static char *put_env(struct buffer *buffer, const char *inside)
{
    const char *separator = strstr(inside, ":-");
    char *name = separator != NULL ? memory_copy_part(inside, (size_t)(separator - inside)) : memory_copy(inside);
    const char *value = getenv(name);
    if (separator != NULL && (value == NULL || *value == '\0'))
        value = separator + 2;
    char *problem = NULL;
    if (*name == '\0')
        problem = memory_copy("expected a variable's name: ${env:NAME}");
    else if (value == NULL)
        problem =
            memory_format("the environment has no variable '%s'; set it, or write ${env:%s:-default}", name, name);
    else
        append(buffer, value, strlen(value));
    free(name);
    return problem;
}

static char *put_file(struct buffer *buffer, const char *path, const char *folder)
{
    char *absolute = expand_path(path, folder);
    char *bytes = NULL;
    char *problem = NULL;
    long len = file_read(absolute, SECRET_MAX_BYTES, &bytes);
    if (len < 0)
        problem = memory_format("${file:%s} cannot be read: %s", path, strerror((int)-len));
    else if (memchr(bytes, '\0', (size_t)len) != NULL)
        problem = memory_format("${file:%s} is not a text file: it has a NUL byte", path);
    if (problem == NULL) {
        if (len > 0 && bytes[len - 1] == '\n')
            len--;
        append(buffer, bytes, (size_t)len);
    }
    free(bytes);
    free(absolute);
    return problem;
}

/* What stands between "${" and "}". */
static char *put_reference(struct buffer *buffer, const char *inside, const char *folder, bool *secret)
{
    if (strncmp(inside, "env:", 4) == 0)
        return put_env(buffer, inside + 4);
    if (strncmp(inside, "file:", 5) == 0) {
        *secret = true;
        if (inside[5] == '\0')
            return memory_copy("expected a file's name: ${file:PATH}");
        return put_file(buffer, inside + 5, folder);
    }
    return memory_format("'${%s}' is unknown; expected ${env:NAME}, ${env:NAME:-default} or ${file:PATH}", inside);
}

/* Puts in what the '$' at *at stands for and moves *at past it. */
static char *put_dollar(struct buffer *buffer, const char **at, const char *folder, bool *secret)
{
    const char *dollar = *at;
    if (dollar[1] == '$') {
        append(buffer, "$", 1);
        *at = dollar + 2;
        return NULL;
    }
    if (dollar[1] != '{')
        return memory_copy("a single '$'; write $$ for a dollar sign, or ${env:NAME}");
    const char *end = strchr(dollar, '}');
    if (end == NULL)
        return memory_copy("'${' without its '}'");
    char *inside = memory_copy_part(dollar + 2, (size_t)(end - dollar - 2));
    char *problem = put_reference(buffer, inside, folder, secret);
    free(inside);
    *at = end + 1;
    return problem;
}

char *expand(const char *text, const char *folder, bool *secret, char **problem)
{
    struct buffer buffer = {.text = memory_copy(""), .len = 0};
    *secret = false;
    *problem = NULL;
    while (*text != '\0' && *problem == NULL) {
        const size_t plain = strcspn(text, "$");
        append(&buffer, text, plain);
        text += plain;
        if (*text == '$')
            *problem = put_dollar(&buffer, &text, folder, secret);
    }
    if (*problem == NULL)
        return buffer.text;
    free(buffer.text);
    return NULL;
}

/* ---- the other way ----------------------------------------------------------------------------------------------- */

/* "${file:PATH}" at `text` with PATH made absolute, up to its '}'. Where it goes on behind that. */
static const char *rebase(struct buffer *buffer, const char *text, const char *folder)
{
    const char *from = text + strlen("${file:");
    const size_t len = strcspn(from, "}");
    char *path = memory_copy_part(from, len), *absolute = expand_path(path, folder);
    append(buffer, text, (size_t)(from - text));
    append(buffer, absolute, strlen(absolute));
    free(absolute);
    free(path);
    return from + len;
}

char *expand_rebase(const char *text, const char *folder)
{
    struct buffer buffer = {.text = memory_copy(""), .len = 0};
    while (*text != '\0') {
        const size_t step = *text != '$' ? strcspn(text, "$") : text[1] == '$' ? 2 : 1;
        if (strncmp(text, "${file:", 7) == 0) {
            text = rebase(&buffer, text, folder);
            continue;
        }
        append(&buffer, text, step);
        text += step;
    }
    return buffer.text;
}

bool expand_is_reference(const char *text)
{
    const char *start = text;
    for (const char *end; strncmp(text, "${", 2) == 0 && (end = strchr(text, '}')) != NULL; text = end + 1) {
        const char *fallback = strncmp(text, "${env:", 6) == 0 ? strstr(text, ":-") : NULL;
        if (fallback != NULL && fallback + 2 < end)
            return false;
    }
    return *text == '\0' && text != start;
}

char *expand_escape(const char *value)
{
    struct buffer buffer = {.text = memory_copy(""), .len = 0};
    for (const char *dollar; (dollar = strchr(value, '$')) != NULL; value = dollar + 1) {
        append(&buffer, value, (size_t)(dollar - value));
        append(&buffer, "$$", 2);
    }
    append(&buffer, value, strlen(value));
    return buffer.text;
}
