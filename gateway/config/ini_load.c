#include "config/ini_load.h"

#include "config/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <iniparser.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20) /* iniparser's time grows with the square of the entries */

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static long read_all(int fd, size_t max, char **bytes)
{
    size_t len = 0, room = 0;
    char *buffer = NULL;
    for (;;) {
        if (len == room) {
            room = room > 0 ? room * 2 : 8192;
            buffer = memory_resize(buffer, room + 1, 1);
        }
        const ssize_t got = read(fd, buffer + len, room - len);
        if (got > 0)
            len += (size_t)got;
        if ((got < 0 && errno != EINTR) || len > max) {
            const int error = got < 0 ? errno : EFBIG;
            free(buffer);
            return -error;
        }
        if (got == 0)
            break;
    }
    buffer[len] = '\0';
    *bytes = buffer;
    return (long)len;
}

long file_read(const char *file, size_t max, char **bytes)
{
    const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO must not hang the start */
    if (fd < 0)
        return -errno;
    const long len = read_all(fd, max, bytes);
    close(fd);
    return len;
}

/* ---- iniparser -------------------------------------------------------------------------------------------------- */

/* What iniparser would print on stderr; the scanner says it better. */
__attribute__((format(printf, 1, 2))) static int ignore(const char *format, ...)
{
    (void)format;
    return 0;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t done = write(fd, bytes, len);
        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            bytes += done;
            len -= (size_t)done;
        }
    }
    return true;
}

/* iniparser takes a path only; through a memfd it reads the very bytes that were scanned, whatever happens to the file. */
static dictionary *parse(const char *bytes, size_t len)
{
    dictionary *parsed = NULL;
    const int fd = memfd_create("leat-ini", MFD_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (write_all(fd, bytes, len)) {
        char *path = memory_format("/proc/self/fd/%d", fd);
        iniparser_set_error_callback(ignore);
        parsed = iniparser_load(path);
        iniparser_set_error_callback(NULL);
        free(path);
    }
    close(fd);
    return parsed;
}

static void compare_counts(const struct ini *ini, const dictionary *parsed, const char *file, struct problems *problems)
{
    size_t keys = 0;
    for (size_t i = 0; i < ini->section_count; i++)
        keys += (size_t)iniparser_getsecnkeys(parsed, ini->sections[i].name);
    const size_t sections = (size_t)iniparser_getnsec(parsed);
    if (sections != ini->section_count || keys != ini->entry_count)
        problems_add(problems, file, 0,
                     "internal error: iniparser sees %zu keys in %zu sections, the scanner %zu in %zu", keys, sections,
                     ini->entry_count, ini->section_count);
}

/* Takes the values from iniparser and makes sure that they are what the lines say. */
static void adopt(struct ini *ini, const dictionary *parsed, const char *file, struct problems *problems)
{
    compare_counts(ini, parsed, file, problems);
    for (size_t i = 0; i < ini->entry_count; i++) {
        struct ini_entry *entry = &ini->entries[i];
        char *name = memory_format("%s:%s", entry->section, entry->key);
        const char *value = iniparser_getstring(parsed, name, NULL);
        free(name);
        if (value == NULL || strcmp(value, entry->value) != 0) {
            problems_add(problems, file, entry->line, "internal error: iniparser reads '%s', the scanner '%s'",
                         value != NULL ? value : "(nothing)", entry->value);
            continue;
        }
        free(entry->value);
        entry->value = memory_copy(value);
    }
}

void ini_load_bytes(struct ini *ini, const char *bytes, size_t len, const char *file, struct problems *problems)
{
    const size_t before = problems->count;
    ini_scan(ini, bytes, len, file, problems);
    if (problems->count != before)
        return; /* refused already; iniparser would give up at the first of these, or read something else */
    dictionary *parsed = parse(bytes, len);
    if (parsed == NULL) {
        problems_add(problems, file, 0, "internal error: iniparser refuses what the scanner accepts");
        return;
    }
    adopt(ini, parsed, file, problems);
    iniparser_freedict(parsed);
}

int ini_load(struct ini *ini, const char *file, struct problems *problems)
{
    char *bytes = NULL;
    const long len = file_read(file, FILE_MAX_BYTES, &bytes);
    if (len == -EFBIG) {
        problems_add(problems, file, 0, "this file is larger than 1 MiB; a configuration is not");
        return (int)len;
    }
    if (len < 0) {
        problems_add(problems, file, 0, "cannot be read: %s", strerror((int)-len));
        return (int)len;
    }
    ini_load_bytes(ini, bytes, (size_t)len, file, problems);
    free(bytes);
    return 0;
}
