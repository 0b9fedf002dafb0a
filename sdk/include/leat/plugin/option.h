/* Options are declared, not parsed. A plugin has one table of rows; from it the host parses and validates the INI, fills the
 * plugin's own options struct, prints `leat plugins NAME` and generates the reference pages.
 *
 *     struct options { uint64_t capacity_bytes; int64_t hold_ns; const char *directory; };
 *     static const struct leat_option rows[] = {
 *         LEAT_OPTION(struct options, capacity_bytes, "capacity", LEAT_OPTION_SIZE, "4MiB", "Size of a new channel."),
 *     };
 *
 * An option appears in a bridge's section as PLUGIN.NAME, e.g. `shm.capacity = 16MiB`. */
#ifndef LEAT_PLUGIN_OPTION_H
#define LEAT_PLUGIN_OPTION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the host writes at `offset`. All text is owned by the host and lives as long as the plugin's instance. */
enum leat_option_type {
    LEAT_OPTION_TEXT = 1,     /* const char *, NULL when the default is NULL */
    LEAT_OPTION_BOOL = 2,     /* uint32_t 0 or 1; yes no true false on off */
    LEAT_OPTION_INT = 3,      /* int64_t within min..max */
    LEAT_OPTION_SIZE = 4,     /* uint64_t bytes; B KiB MiB GiB kB MB GB required (0 needs none); within min..max */
    LEAT_OPTION_DURATION = 5, /* int64_t nanoseconds; ns us ms s m h required (0 needs none); "forever" is -1; min..max;
                               * with a range only one that begins at -1 takes "forever" */
    LEAT_OPTION_CHOICE = 6,   /* uint32_t index into `choices`, which are separated by '|' */
    LEAT_OPTION_LIST = 7,     /* const char *const *, NULL-terminated, comma separated, blanks trimmed; never NULL */
    LEAT_OPTION_PATH = 8,     /* const char *, made absolute */
    LEAT_OPTION_MODE = 9      /* uint32_t permission bits, octal */
};

/* Flags; 2u is reserved. A reload that changes an option restarts the bridges that use it. */
#define LEAT_OPTION_REQUIRED 1u /* a bridge that uses the plugin must set it */
#define LEAT_OPTION_SECRET 4u   /* its value is never shown, neither in errors nor in logs */

/* One row of the table. The macros below fill it. */
struct leat_option {
    uint32_t size;            /* of this struct as the plugin knows it */
    uint16_t type;            /* enum leat_option_type */
    uint16_t flags;           /* LEAT_OPTION_REQUIRED, ... */
    const char *name;         /* [a-z0-9_.-]+; written PLUGIN.NAME in a bridge */
    const char *default_text; /* parsed by the same parser as the user's text; NULL: zero, or NULL for text */
    const char *help;         /* one sentence or more, plain text */
    const char *choices;      /* "wait|drop": LEAT_OPTION_CHOICE only */
    int64_t min, max;         /* both 0: no bounds */
    uint32_t offset;          /* of the member in the options struct */
    uint32_t reserved;
};

#define LEAT_OPTION_WIDTH_(type) \
    ((type) == LEAT_OPTION_BOOL || (type) == LEAT_OPTION_CHOICE || (type) == LEAT_OPTION_MODE ? 4u : 8u)
#ifdef __cplusplus
#define LEAT_OPTION_SIZEOF_ static_cast<uint32_t>(sizeof(struct leat_option))
#define LEAT_OPTION_FITS_(structure, member, type) \
    (0u * sizeof(char[sizeof(static_cast<structure *>(nullptr)->member) == LEAT_OPTION_WIDTH_(type) ? 1 : -1]))
#else
#define LEAT_OPTION_SIZEOF_ (uint32_t)sizeof(struct leat_option)
#define LEAT_OPTION_TEXT_LIKE_(type) \
    ((type) == LEAT_OPTION_TEXT || (type) == LEAT_OPTION_PATH ? 1 : (type) == LEAT_OPTION_LIST ? 2 : 0)
#define LEAT_OPTION_FITS_(structure, member, type)                                                                    \
    (0u * sizeof(struct {                                                                                             \
         _Static_assert(sizeof(((structure *)0)->member) == LEAT_OPTION_WIDTH_(type) &&                               \
                            _Generic(((structure *)0)->member, const char * : 1, char * : 1, const char *const * : 2, \
                                     default : 0) == LEAT_OPTION_TEXT_LIKE_(type),                                    \
                        "member '" #member "' is not what an option of type " #type                                   \
                        " fills: see enum leat_option_type");                                                         \
         int fits;                                                                                                    \
     }))
#endif

/* Rows: `structure` is the options struct, `member` what the option fills, `name` its name as text. RANGE has bounds in the unit of the
 * member (bytes, nanoseconds), CHOICES the words, FULL everything.
 * A member that is not what the type fills does not compile: otherwise the one behind it would be overwritten. */
#define LEAT_OPTION_FULL(structure, member, name_, type_, flags_, default_, min_, max_, choices_, help_) \
    {                                                                                                    \
        LEAT_OPTION_SIZEOF_, type_, flags_, name_, default_, help_, choices_, min_, max_,                \
            (uint32_t)(offsetof(structure, member) + LEAT_OPTION_FITS_(structure, member, type_)), 0     \
    }
#define LEAT_OPTION(structure, member, name, type, default_text, help) \
    LEAT_OPTION_FULL(structure, member, name, type, 0, default_text, 0, 0, NULL, help)
#define LEAT_OPTION_RANGE(structure, member, name, type, default_text, min, max, help) \
    LEAT_OPTION_FULL(structure, member, name, type, 0, default_text, min, max, NULL, help)
#define LEAT_OPTION_CHOICES(structure, member, name, default_text, choices, help) \
    LEAT_OPTION_FULL(structure, member, name, LEAT_OPTION_CHOICE, 0, default_text, 0, 0, choices, help)

#ifdef __cplusplus
}
#endif
#endif
