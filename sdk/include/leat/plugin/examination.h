/* What a plugin finds when somebody asks what is wrong (`leat doctor`), and what it does about it. */
#ifndef LEAT_PLUGIN_EXAMINATION_H
#define LEAT_PLUGIN_EXAMINATION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_finding_grade {
    LEAT_FINDING_GOOD = 0,    /* looked at, nothing wrong */
    LEAT_FINDING_NOTE = 1,    /* worth knowing */
    LEAT_FINDING_WARNING = 2, /* costs something, or will */
    LEAT_FINDING_ERROR = 3    /* does not work */
};

enum leat_finding_repair {
    LEAT_REPAIR_NONE = 0,     /* a person has to: `remedy` says what */
    LEAT_REPAIR_POSSIBLE = 1, /* --repair would do what `remedy` says */
    LEAT_REPAIR_DONE = 2,     /* it is done */
    LEAT_REPAIR_FAILED = 3    /* it was tried; `remedy` says what failed */
};

/* All text is the finder's, valid during the call. */
struct leat_finding {
    uint32_t size;
    uint32_t grade;  /* enum leat_finding_grade */
    uint32_t repair; /* enum leat_finding_repair */
    uint32_t reserved;
    const char *subject; /* what it is about: "cppipc://quotes" */
    const char *code;    /* for programs: "dead-receivers" */
    const char *text;    /* what is the matter and what it does, one sentence */
    const char *remedy;  /* what mends it, one sentence; NULL: nothing to do */
};

struct leat_examination {
    uint32_t size;
    uint32_t repair; /* 1: mend what can be mended without harm to who is alive */
    void *context;
    void (*found)(void *context, const struct leat_finding *finding);
};

#ifdef __cplusplus
}
#endif
#endif
