/* The files that a configuration names: certificates that end soon, secrets that others may read. */
#include "cli/doctor/areas.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define AREA "configuration"
#define SOON_DAYS 30

/* ---- certificates ---------------------------------------------------------------------------------------------------- */

/* Days until the first of the file's certificates expires, negative afterwards. False: there is none in it. */
static bool days_left(const char *path, int *days)
{
    FILE *file = fopen(path, "re");
    X509 *certificate;
    bool found = false;
    while (file && (certificate = PEM_read_X509(file, NULL, NULL, NULL)) != NULL) {
        int left, seconds;
        if (ASN1_TIME_diff(&left, &seconds, NULL, X509_get0_notAfter(certificate))) {
            left -= seconds < 0;
            *days = found && *days < left ? *days : left;
            found = true;
        }
        X509_free(certificate);
    }
    if (file) {
        fclose(file);
    }
    return found;
}

static void judge_certificate(struct doctor_report *report, const struct config_entry *entry)
{
    int days;
    if (!days_left(entry->value, &days)) {
        return; /* the check has said why */
    }
    doctor_tell(report, AREA,
                (struct leat_finding){.grade = days < 0           ? LEAT_FINDING_ERROR
                                               : days < SOON_DAYS ? LEAT_FINDING_WARNING
                                                                  : LEAT_FINDING_GOOD,
                                      .subject = entry->value,
                                      .code = days < SOON_DAYS ? "certificate-expires" : "certificate",
                                      .remedy = days < SOON_DAYS ? "Get a new one, and put it in this place." : NULL},
                days < 0 ? "%s of [%s] expired %d days ago" : "%s of [%s] is valid for another %d days", entry->key,
                entry->section, days < 0 ? -days : days);
}

/* ---- secrets --------------------------------------------------------------------------------------------------------- */

static void judge_secret(struct doctor_report *report, const char *path, const char *what)
{
    struct stat status;
    char owner[32];
    if (stat(path, &status) != 0 || (status.st_mode & 0007) == 0) {
        return;
    }
    doctor_tell(report, AREA,
                (struct leat_finding){.grade = LEAT_FINDING_WARNING,
                                      .subject = path,
                                      .code = "open-secret",
                                      .remedy = "chmod o-rwx, and a new secret where others may have read it."},
                "it holds %s and has mode %04o (owner %s): every user of this host may read it", what,
                (unsigned)(status.st_mode & 07777), doctor_user_name(status.st_uid, owner));
}

/* The path in "${file:PATH}". */
static void judge_included(struct doctor_report *report, const struct config_entry *entry)
{
    const char *begin = strstr(entry->written, "${file:"), *end = begin ? strchr(begin, '}') : NULL;
    if (end) {
        char path[4096];
        snprintf(path, sizeof path, "%.*s", (int)(end - begin - 7), begin + 7);
        judge_secret(report, path, "a secret");
    }
}

void doctor_files(struct doctor_report *report, const struct config *config)
{
    for (size_t i = 0; i < config->entry_count; i++) {
        const struct config_entry *entry = &config->entries[i];
        if (entry->doubtful || strcmp(entry->origin, entry->section) != 0) {
            continue; /* what comes from a template is looked at there */
        }
        if (strcmp(entry->key, "tls.cert") == 0 || strcmp(entry->key, "tls.ca") == 0) {
            judge_certificate(report, entry);
        } else if (strcmp(entry->key, "tls.key") == 0) {
            judge_secret(report, entry->value, "a private key");
        }
        judge_included(report, entry);
    }
}
