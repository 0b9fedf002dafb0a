#include "tls/validity.h"

#include "tls/names.h"

#include <stdio.h>
#include <time.h>

#define SOON_DAYS 30

enum validity { VALID, EXPIRES_SOON, EXPIRED, NOT_YET };

/* *days: how many are left, or ago, or ahead, rounded down. */
static enum validity validity_of(X509 *certificate, int *days)
{
    int seconds;
    const ASN1_TIME *from = X509_get0_notBefore(certificate), *until = X509_get0_notAfter(certificate);
    if (X509_cmp_current_time(from) > 0) {
        ASN1_TIME_diff(days, &seconds, NULL, from);
        return NOT_YET;
    }
    if (X509_cmp_current_time(until) < 0) {
        ASN1_TIME_diff(days, &seconds, until, NULL);
        return EXPIRED;
    }
    ASN1_TIME_diff(days, &seconds, NULL, until);
    return *days < SOON_DAYS ? EXPIRES_SOON : VALID;
}

static void write_date(const ASN1_TIME *time, char *text, size_t size)
{
    struct tm when;
    if (ASN1_TIME_to_tm(time, &when) != 1 || strftime(text, size, "%Y-%m-%d %H:%M UTC", &when) == 0)
        snprintf(text, size, "at no known time");
}

static void write_days(int days, char *text, size_t size)
{
    if (days == 0)
        snprintf(text, size, "less than a day");
    else
        snprintf(text, size, days == 1 ? "%d day" : "%d days", days);
}

void tls_validity_check(X509 *certificate, const char *option, const char *what, struct tls_complaints *complaints)
{
    int days;
    char date[32], span[32];
    enum validity validity = validity_of(certificate, &days);
    write_days(days, span, sizeof span);
    write_date(validity == NOT_YET ? X509_get0_notBefore(certificate) : X509_get0_notAfter(certificate), date,
               sizeof date);
    if (validity == EXPIRED)
        tls_complain(complaints, option, "%s expired on %s, %s ago", what, date, span);
    else if (validity == NOT_YET)
        tls_complain(complaints, option, "%s is not valid before %s, in %s", what, date, span);
    else if (validity == EXPIRES_SOON)
        tls_doubt(complaints, "%s expires in %s, on %s", what, span, date);
}

void tls_validity_check_authorities(STACK_OF(X509) * authorities, const char *option, struct tls_complaints *complaints)
{
    int valid = 0, days;
    char name[128], date[32], span[32];
    for (int i = 0; i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);
        enum validity validity = validity_of(authority, &days);
        valid += validity == VALID || validity == EXPIRES_SOON;
        if (validity == VALID)
            continue;
        tls_names_first(authority, name, sizeof name);
        write_days(days, span, sizeof span);
        write_date(validity == NOT_YET ? X509_get0_notBefore(authority) : X509_get0_notAfter(authority), date,
                   sizeof date);
        tls_doubt(complaints, "the authority %s %s %s", name,
                  validity == EXPIRES_SOON ? "expires on"
                  : validity == EXPIRED    ? "expired on"
                                           : "is not valid before",
                  date);
    }
    if (valid == 0)
        tls_complain(complaints, option, "none of its certificates is valid now");
}

int64_t tls_validity_until_ns(const X509 *certificate)
{
    struct tm when;
    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1)
        return 0;
    const int64_t seconds = timegm(&when);
    return seconds < INT64_MAX / 1000000000 ? seconds * 1000000000 : INT64_MAX;
}
