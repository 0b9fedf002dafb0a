/* What is answered to whom asks for a path; no HTTP is spoken here. */
#ifndef LEAT_ADMIN_ANSWER_H
#define LEAT_ADMIN_ANSWER_H

#include "admin/view.h"

#include <stdbool.h>

/* A question. `argument` gives what stands behind '?' under a name, unescaped, or NULL. */
struct question {
    const char *path;
    const char *(*argument)(void *user, const char *name);
    void *user;
};

struct answer {
    unsigned status; /* of HTTP */
    const char *type;
    char *body; /* to be freed with free(), unless it is `constant` */
    size_t body_bytes;
    bool constant;
};

/* Whether the path is answered to everybody: what is there tells nothing about the gateway but that it lives. */
bool answer_is_open(const char *path);

/* Fills *answer, always: where nothing is there or memory is short, with a status that says so. */
void answer_question(struct view *view, const struct question *question, struct answer *answer);

/* An error as JSON: {"error": TEXT}. */
__attribute__((format(printf, 3, 4))) void answer_error(struct answer *answer, unsigned status, const char *format,
                                                        ...);

void answer_fini(struct answer *answer);

#endif
