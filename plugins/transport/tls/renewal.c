#include "tls/renewal.h"

#include "tls/credentials.h"
#include "tls/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FILES = 3, TEXT_BYTES = 512 };

/* What tells one content of a file from the next. All zero: there is none. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t bytes;
    int64_t modified_ns, changed_ns;
};

struct tls_renewal {
    struct tls_renewal *next, *previous;
    struct tls_context *context;
    const struct leat_host *host;
    struct tls_terms terms; /* its texts are this one's own */
    struct stamp used[FILES], seen[FILES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tls_renewal *all;

/* ---- the files --------------------------------------------------------------------------------------------------- */

static int64_t in_ns(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct stamp stamp_of(const char *path)
{
    struct stat found;
    if (!path || stat(path, &found) != 0)
        return (struct stamp){0};
    return (struct stamp){.device = found.st_dev,
                          .inode = found.st_ino,
                          .bytes = found.st_size,
                          .modified_ns = in_ns(found.st_mtim),
                          .changed_ns = in_ns(found.st_ctim)};
}

static void look(const struct tls_terms *terms, struct stamp stamps[FILES])
{
    const char *const files[FILES] = {terms->cert, terms->key, terms->ca};
    for (size_t i = 0; i < FILES; i++)
        stamps[i] = stamp_of(files[i]);
}

static bool is_same(const struct stamp *one, const struct stamp *other)
{
    bool same = true;
    for (size_t i = 0; i < FILES; i++)
        same = same && one[i].device == other[i].device && one[i].inode == other[i].inode &&
               one[i].bytes == other[i].bytes && one[i].modified_ns == other[i].modified_ns &&
               one[i].changed_ns == other[i].changed_ns;
    return same;
}

/* ---- reading anew ------------------------------------------------------------------------------------------------ */

static void tell_host(const struct tls_renewal *renewal, const char *trouble)
{
    const struct leat_host *host = renewal->host;
    if (host->size >= offsetof(struct leat_host, certificate) + sizeof host->certificate && host->certificate)
        host->certificate(host->context, tls_context_expires_ns(renewal->context), trouble);
}

struct first_wrong {
    char text[TEXT_BYTES];
};

static void keep_first(void *user, const char *option, const char *text)
{
    struct first_wrong *first = user;
    if (first->text[0] == '\0')
        snprintf(first->text, sizeof first->text, "tls.%s: %s", option, text);
}

static void warn(void *user, const char *text)
{
    (void)user;
    (void)text; /* an expiry that is near shows on the page */
}

static void say(const struct tls_renewal *renewal, int32_t level, const char *format, const char *what)
{
    char text[TEXT_BYTES + 128];
    snprintf(text, sizeof text, format, what);
    renewal->host->log(renewal->host->context, level, text);
}

static void renew(struct tls_renewal *renewal)
{
    struct first_wrong first = {.text = ""};
    struct tls_complaints complaints = {.wrong = keep_first, .doubtful = warn, .user = &first};
    SSL_CTX *ctx = tls_credentials_load(&renewal->terms, &complaints);
    if (ctx) {
        tls_context_replace(renewal->context, ctx, renewal->terms.verify);
        say(renewal, LEAT_LOG_INFO, "%s has changed: connections from now on use what it says",
            renewal->terms.cert ? renewal->terms.cert : renewal->terms.ca);
    } else {
        say(renewal, LEAT_LOG_WARNING, "changed files of certificates are not used, those of before stay: %s",
            first.text);
    }
    tell_host(renewal, first.text);
}

static void look_again(struct tls_renewal *renewal)
{
    struct stamp now[FILES];
    look(&renewal->terms, now);
    const bool still = is_same(now, renewal->seen);
    memcpy(renewal->seen, now, sizeof now);
    if (!still || is_same(now, renewal->used))
        return;
    memcpy(renewal->used, now, sizeof now);
    renew(renewal);
}

static void *watch(void *nothing)
{
    const struct timespec pause = {.tv_sec = 1};
    for (;;) {
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&lock);
        for (struct tls_renewal *each = all; each; each = each->next)
            look_again(each);
        pthread_mutex_unlock(&lock);
    }
    return nothing;
}

static void start(void)
{
    tls_watch_thread(watch);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void free_terms(struct tls_terms *terms)
{
    if (terms->key != terms->cert)
        free((char *)terms->key);
    free((char *)terms->cert);
    free((char *)terms->key_password);
    free((char *)terms->ca);
    free((char *)terms->name);
}

/* False: there is no memory for `from`. */
static bool copy(const char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static bool copy_terms(struct tls_terms *to, const struct tls_terms *from)
{
    *to = (struct tls_terms){.listen = from->listen, .verify = from->verify, .only_1_3 = from->only_1_3};
    bool whole = copy(&to->cert, from->cert) && copy(&to->key_password, from->key_password) &&
                 copy(&to->ca, from->ca) && copy(&to->name, from->name);
    if (from->key == from->cert)
        to->key = to->cert; /* one file: that is how it is known */
    else
        whole = whole && copy(&to->key, from->key);
    return whole;
}

struct tls_renewal *tls_renewal_start(struct tls_context *context, const struct tls_terms *terms,
                                      const struct leat_host *host)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tls_renewal *renewal = terms->cert || terms->ca ? calloc(1, sizeof *renewal) : NULL;
    if (!renewal)
        return NULL;
    renewal->context = context;
    renewal->host = host;
    if (!copy_terms(&renewal->terms, terms)) {
        free_terms(&renewal->terms);
        free(renewal);
        return NULL;
    }
    look(&renewal->terms, renewal->used);
    memcpy(renewal->seen, renewal->used, sizeof renewal->used);
    tell_host(renewal, "");
    pthread_once(&once, start);
    pthread_mutex_lock(&lock);
    renewal->next = all;
    if (all)
        all->previous = renewal;
    all = renewal;
    pthread_mutex_unlock(&lock);
    return renewal;
}

void tls_renewal_stop(struct tls_renewal *renewal)
{
    if (!renewal)
        return;
    pthread_mutex_lock(&lock);
    if (renewal->previous)
        renewal->previous->next = renewal->next;
    else
        all = renewal->next;
    if (renewal->next)
        renewal->next->previous = renewal->previous;
    pthread_mutex_unlock(&lock);
    free_terms(&renewal->terms);
    free(renewal);
}
