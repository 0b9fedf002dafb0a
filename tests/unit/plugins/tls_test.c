/* What the tls plugin does without a network: names in certificates, what is logged of failures, what options mean. */
#include "tls/failures.h"
#include "tls/names.h"
#include "tls/terms.h"

#include <criterion/criterion.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

static X509 *certificate(const char *common, int common_len, const char *alternatives)
{
    X509 *made = X509_new();
    X509_NAME *subject = X509_get_subject_name(made);
    if (common)
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common, common_len, -1, 0);
    if (alternatives) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternatives);
        X509_add_ext(made, extension, -1);
        X509_EXTENSION_free(extension);
    }
    return made;
}

static bool has(X509 *of, const char *name)
{
    const char *const wanted[] = {"somebody.else", name, NULL};
    return tls_names_match(of, wanted);
}

Test(tls_names, common_and_alternative_names_count)
{
    X509 *of = certificate("Desk-1", -1, "DNS:a.example,IP:10.0.0.7,IP:::1,email:ops@b.example,URI:urn:desk:1");
    cr_expect(has(of, "desk-1") && has(of, "A.EXAMPLE") && has(of, "10.0.0.7") && has(of, "::1"));
    cr_expect(has(of, "ops@b.example") && has(of, "urn:desk:1"));
    cr_expect(!has(of, "desk-10") && !has(of, "desk") && !has(of, "example") && !has(of, ""));
    X509_free(of);
}

Test(tls_names, a_name_cut_by_a_nul_is_no_name)
{
    X509 *of = certificate("desk\0.evil.example", 18, NULL);
    char first[64];
    cr_expect(!has(of, "desk"));
    tls_names_first(of, first, sizeof first);
    cr_expect_str_eq(first, "");
    X509_free(of);
}

Test(tls_names, what_steers_a_terminal_is_no_name)
{
    X509 *escape = certificate("desk\xc2\x9b"
                               "2J",
                               -1, NULL),
         *turned = certificate("desk\xe2\x80\xae"
                               "gnp",
                               -1, NULL);
    X509 *foreign = certificate("b\xc3\xbcro", -1, NULL);
    char first[64];
    tls_names_first(escape, first, sizeof first);
    cr_expect_str_eq(first, "");
    tls_names_first(turned, first, sizeof first);
    cr_expect_str_eq(first, "");
    cr_expect(has(foreign, "b\xc3\xbcro"));
    X509_free(escape);
    X509_free(turned);
    X509_free(foreign);
}

Test(tls_names, a_certificate_may_have_none)
{
    X509 *of = certificate(NULL, 0, NULL);
    cr_expect(!has(of, "desk"));
    X509_free(of);
}

Test(tls_names, what_is_not_printable_does_not_reach_the_log)
{
    X509 *of = certificate("desk\n2026-01-01 error gateway: on fire", -1, "DNS:plain");
    char first[64];
    tls_names_first(of, first, sizeof first);
    cr_expect_str_eq(first, "plain");
    X509_free(of);
}

/* ---- the log of failures ----------------------------------------------------------------------------------------- */

#define MINUTE_NS INT64_C(60000000000)

struct ear {
    struct leat_host host;
    int64_t now_ns;
    unsigned lines;
    char last[1024];
};

static void hear(void *context, int32_t level, const char *text)
{
    struct ear *ear = context;
    cr_expect(level == LEAT_LOG_WARNING);
    ear->lines++;
    snprintf(ear->last, sizeof ear->last, "%s", text);
}

static int64_t tell_time(void *context)
{
    return ((struct ear *)context)->now_ns;
}

static struct tls_failures *failures_heard_by(struct ear *ear, bool listen)
{
    *ear = (struct ear){.now_ns = 1, .host = {.size = sizeof ear->host, .log = hear, .now_ns = tell_time}};
    ear->host.context = ear;
    return tls_failures_new(&ear->host, listen);
}

Test(tls_failures, each_peer_and_reason_is_said_once)
{
    struct ear ear;
    struct tls_failures *failures = failures_heard_by(&ear, false);
    for (int i = 0; i < 100; i++)
        tls_failures_note(failures, "10.0.0.7", "it is late", "CN=x");
    cr_expect(ear.lines == 1);
    cr_expect_str_eq(ear.last, "handshake with 10.0.0.7 failed: it is late (peer CN=x); dialling goes on");
    tls_failures_note(failures, "10.0.0.7", "it is early", "");
    tls_failures_note(failures, "10.0.0.8", "it is late", "");
    cr_expect(ear.lines == 3);
    tls_failures_free(failures);
}

Test(tls_failures, what_goes_on_is_said_again_after_an_hour)
{
    struct ear ear;
    struct tls_failures *failures = failures_heard_by(&ear, true);
    for (int minute = 0; minute < 61; minute++, ear.now_ns += MINUTE_NS)
        tls_failures_note(failures, "10.0.0.7", "it is late", "");
    cr_expect(ear.lines == 1, "%u lines", ear.lines);
    tls_failures_note(failures, "10.0.0.7", "it is late", "");
    cr_expect(ear.lines == 2);
    cr_expect_str_eq(ear.last, "handshake with 10.0.0.7 failed: it is late; 61 times since this was said");
    tls_failures_free(failures);
}

Test(tls_failures, a_success_in_between_makes_it_news)
{
    struct ear ear;
    struct tls_failures *failures = failures_heard_by(&ear, true);
    tls_failures_note(failures, "10.0.0.7", "it is late", "");
    tls_failures_forgive(failures, "10.0.0.8");
    tls_failures_note(failures, "10.0.0.7", "it is late", "");
    cr_expect(ear.lines == 1);
    tls_failures_forgive(failures, "10.0.0.7");
    tls_failures_note(failures, "10.0.0.7", "it is late", "");
    cr_expect(ear.lines == 1, "a good peer and a bad one may share an address");
    tls_failures_forgive(failures, "10.0.0.7");
    ear.now_ns += 2 * MINUTE_NS;
    tls_failures_note(failures, "10.0.0.7", "it is late", "");
    cr_expect(ear.lines == 2);
    tls_failures_free(failures);
}

Test(tls_failures, a_flood_of_peers_is_summed_up)
{
    struct ear ear;
    char peer[32];
    struct tls_failures *failures = failures_heard_by(&ear, true);
    for (int i = 0; i < 5000; i++) {
        snprintf(peer, sizeof peer, "10.0.%d.%d", i / 250, i % 250);
        tls_failures_note(failures, peer, "it is late", "");
    }
    cr_expect(ear.lines == 20, "%u lines", ear.lines);
    ear.now_ns += 2 * MINUTE_NS;
    tls_failures_note(failures, "10.1.0.1", "it is late", "");
    cr_expect(ear.lines == 22);
    tls_failures_free(failures);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void ignore(void *user, const char *option, const char *text)
{
    (void)user;
    (void)option;
    (void)text;
}

static struct tls_terms terms_of(const struct tls_options *options, bool listen, const char *url, unsigned wrong)
{
    static struct tls_terms terms; /* it points into itself */
    struct tls_complaints complaints = {.wrong = ignore};
    const struct leat_endpoint endpoint = {.size = sizeof endpoint, .listen = listen, .url = url};
    tls_terms_of(&terms, options, &endpoint, &complaints);
    cr_expect(complaints.count == wrong, "%s: %u complaints", url, complaints.count);
    return terms;
}

Test(tls_terms, auto_means_what_each_direction_needs)
{
    const struct tls_options with_ca = {.cert = "c", .ca = "a"}, without = {.cert = "c"};
    cr_expect(terms_of(&with_ca, true, "tls+tcp://*:1", 0).verify == TLS_VERIFY_REQUIRED);
    cr_expect(terms_of(&without, true, "tls+tcp://*:1", 0).verify == TLS_VERIFY_NONE);
    cr_expect(terms_of(&with_ca, false, "tls+tcp://h:1", 0).verify == TLS_VERIFY_REQUIRED);
    cr_expect(terms_of(&without, false, "tls+tcp://h:1", 0).verify == TLS_VERIFY_REQUIRED);
}

Test(tls_terms, a_dialler_expects_the_host_of_its_url)
{
    const struct tls_options plain = {0}, named = {.server_name = "n.example"}, any = {.server_name = "*", .ca = "a"};
    const struct tls_options unverified = {.verify = TLS_VERIFY_NONE};
    struct tls_terms terms = terms_of(&plain, false, "wss://h.example:1/x", 0);
    cr_expect_str_eq(terms.host, "h.example");
    cr_expect(terms.name && terms.sni);
    cr_expect(!terms_of(&plain, false, "tls+tcp6://[::1]:1", 0).sni, "an address is no server name");
    cr_expect_str_eq(terms_of(&named, false, "tls+tcp://10.0.0.1:1", 0).name, "n.example");
    cr_expect_str_eq(terms_of(&named, false, "tls+tcp://10.0.0.1:1", 0).sni, "n.example");
    cr_expect(!terms_of(&any, false, "tls+tcp://h.example:1", 0).name);
    cr_expect(!terms_of(&unverified, false, "tls+tcp://h.example:1", 0).name);
    cr_expect(!terms_of(&(struct tls_options){.cert = "c"}, true, "tls+tcp://h.example:1", 0).name);
}

Test(tls_terms, what_would_compare_no_name_is_refused)
{
    const struct tls_options empty = {.server_name = "", .ca = "a"}, plain = {.ca = "a"};
    terms_of(&empty, false, "tls+tcp://h.example:1", 1);
    terms_of(&plain, false, "tls+tcp://h.example", 1);
}

Test(tls_terms, everybody_stands_alone)
{
    const char *const all[] = {"*", NULL}, *const mixed[] = {"a", "*", NULL};
    const struct tls_options everybody = {.cert = "c", .allow = all}, both = {.allow = mixed};
    cr_expect(!terms_of(&everybody, true, "tls+tcp://*:1", 0).allow);
    terms_of(&both, false, "tls+tcp://h:1", 1);
}

Test(tls_terms, the_key_is_in_the_certificates_file_unless_it_is_named)
{
    const struct tls_options one = {.cert = "c"}, two = {.cert = "c", .key = "k"};
    cr_expect_str_eq(terms_of(&one, true, "tls+tcp://*:1", 0).key, "c");
    cr_expect_str_eq(terms_of(&two, true, "tls+tcp://*:1", 0).key, "k");
}

Test(tls_terms, names_are_allowed_only_in_what_is_verified)
{
    const char *const names[] = {"a", NULL}, *const none[] = {NULL};
    const struct tls_options bare = {.cert = "c", .allow = names}, good = {.cert = "c", .allow = names, .ca = "a"};
    const struct tls_options optional = {.cert = "c", .allow = names, .ca = "a", .verify = TLS_VERIFY_OPTIONAL};
    const struct tls_options empty = {.cert = "c", .allow = none};
    terms_of(&bare, true, "tls+tcp://*:1", 1);
    terms_of(&optional, true, "tls+tcp://*:1", 1);
    cr_expect(terms_of(&good, true, "tls+tcp://*:1", 0).allow);
    cr_expect(terms_of(&bare, false, "tls+tcp://h:1", 0).allow);
    terms_of(&empty, false, "tls+tcp://h:1", 1);
}
