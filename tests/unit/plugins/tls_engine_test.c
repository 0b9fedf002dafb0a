/* The engine under load, as the plugin that is loaded brings it: order, whole messages of all sizes, and hundreds of handshakes,
 * good ones and bad ones, that leave nothing behind. */
#include "peer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a certificate that stands for itself ------------------------------------------------------------------------ */

static char pem_file[64];

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    cr_assert(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void remove_certificate(void)
{
    unlink(pem_file);
}

static void make_certificate(void)
{
    snprintf(pem_file, sizeof pem_file, "/tmp/leat-test-%d.pem", getpid());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 90L * 24 * 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1");
    X509_sign(certificate, key, EVP_sha256());
    FILE *file = fopen(pem_file, "w");
    cr_assert(file && PEM_write_X509(file, certificate) && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void plug_init_tls(struct plug *plug, const char *more)
{
    char settings[512];
    snprintf(settings, sizeof settings, "cert = %s\nca = %s\nreconnect_min = 10ms\n%s", pem_file, pem_file, more);
    plug_init(plug, "tls", settings);
}

static uint16_t own_port(void)
{
    return (uint16_t)(10000 + getpid() % 20000);
}

static const char *own_url(void)
{
    static char url[64];
    snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", own_port());
    return url;
}

TestSuite(tls_engine, .init = make_certificate, .fini = remove_certificate);

/* ---- messages ---------------------------------------------------------------------------------------------------- */

struct stream {
    struct plug plug;
    struct peer sender, receiver;
};

static void stream_open(struct stream *stream, const char *more)
{
    plug_init_tls(&stream->plug, more);
    peer_open(&stream->sender, &stream->plug, LEAT_ROLE_PUSHER, 0);
    peer_open(&stream->receiver, &stream->plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&stream->receiver, &stream->plug, own_url());
    peer_dial(&stream->sender, &stream->plug, own_url());
    cr_assert(peer_await_connected(&stream->sender, 1), "%s", stream->plug.heard);
}

static void stream_close(struct stream *stream)
{
    peer_close(&stream->sender);
    peer_close(&stream->receiver);
    plug_fini(&stream->plug);
}

/* Sizes around those of a record, of nng's buffers, and of the frame's own 8 bytes. */
static const size_t sizes[] = {0,     1,     7,     8,     9,     64,    16320, 16354, 16362,  16375,  16376,
                               16383, 16384, 16385, 16392, 32767, 32768, 32769, 65536, 300000, 1 << 20};

static char pattern_at(size_t message, size_t i)
{
    return (char)((message * 31 + i * 7) % 251);
}

static void *send_all(void *of)
{
    static char data[1 << 20];
    struct stream *stream = of;
    for (size_t k = 0; k < 3 * sizeof sizes / sizeof sizes[0]; k++) {
        size_t len = sizes[k % (sizeof sizes / sizeof sizes[0])];
        for (size_t i = 0; i < len; i++)
            data[i] = pattern_at(k, i);
        if (!peer_send(&stream->sender, data, len))
            return (void *)"not sent";
    }
    return NULL;
}

static void carry_all_sizes(const char *more)
{
    static char got[1 << 20];
    static struct stream stream;
    pthread_t thread;
    void *complaint;
    stream_open(&stream, more);
    pthread_create(&thread, NULL, send_all, &stream);
    for (size_t k = 0; k < 3 * sizeof sizes / sizeof sizes[0]; k++) {
        size_t want = sizes[k % (sizeof sizes / sizeof sizes[0])];
        int64_t len = peer_receive(&stream.receiver, got, sizeof got, 10000);
        cr_assert(len == (int64_t)want, "message %zu: %ld instead of %zu", k, (long)len, want);
        for (size_t i = 0; i < want; i++)
            cr_assert(got[i] == pattern_at(k, i), "message %zu, byte %zu", k, i);
    }
    pthread_join(thread, &complaint);
    cr_assert(!complaint);
    stream_close(&stream);
}

Test(tls_engine, carries_messages_of_every_size_whole)
{
    carry_all_sizes("");
}

Test(tls_engine, carries_them_with_tls_1_3_alone)
{
    carry_all_sizes("min_version = 1.3\n");
}

static void *drain(void *of)
{
    struct peer *receiver = of;
    for (uint64_t i = 0, got; i < 20000; i++)
        if (peer_receive(receiver, &got, sizeof got, 10000) != sizeof got || got != i)
            return (void *)"out of order";
    return NULL;
}

Test(tls_engine, keeps_order_with_64_in_flight)
{
    static struct stream stream;
    pthread_t thread;
    void *complaint;
    stream_open(&stream, "");
    pthread_create(&thread, NULL, drain, &stream.receiver);
    for (uint64_t k = 0; k < 20000; k++)
        cr_assert(peer_send(&stream.sender, &k, sizeof k));
    pthread_join(thread, &complaint);
    cr_assert(!complaint);
    stream_close(&stream);
}

/* ---- handshakes -------------------------------------------------------------------------------------------------- */

static int connect_plain(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(own_port())};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    cr_assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* One client: `kind` 0 a good one, that says what it is; 1 shows no certificate; 2 sends rubbish; 3 leaves in the middle. */
static void visit(SSL_CTX *good, SSL_CTX *bare, unsigned kind)
{
    static const char hello[] = {0, 'S', 'P', 0, 0, 0x50, 0, 0};
    char answer[64];
    int fd = connect_plain();
    if (kind == 2) {
        cr_expect(write(fd, "\x16\x03\x01\x02\x00\x01 what is this?", 20) == 20);
    } else {
        SSL *ssl = SSL_new(kind == 1 ? bare : good);
        BIO *first = kind == 3 ? BIO_new(BIO_s_mem()) : NULL;
        SSL_set_fd(ssl, fd);
        if (first) { /* its first flight and no more */
            char *data;
            SSL_set_bio(ssl, BIO_new(BIO_s_mem()), first);
            SSL_connect(ssl);
            long len = BIO_get_mem_data(first, &data);
            cr_expect(write(fd, data, (size_t)len) == len);
        } else if (SSL_connect(ssl) == 1) {
            SSL_write(ssl, hello, sizeof hello);
            int got = SSL_read(ssl, answer, sizeof answer);
            cr_expect((got == sizeof hello) == (kind == 0), "kind %u: %d", kind, got);
        }
        SSL_free(ssl);
    }
    close(fd);
}

static SSL_CTX *client_context(bool with_certificate)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (with_certificate)
        cr_assert(SSL_CTX_use_certificate_file(ctx, pem_file, SSL_FILETYPE_PEM) == 1 &&
                  SSL_CTX_use_PrivateKey_file(ctx, pem_file, SSL_FILETYPE_PEM) == 1);
    return ctx;
}

static int open_files(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static bool files_come_down_to(int count)
{
    for (int turn = 0; turn < 2000; turn++) {
        if (open_files() <= count)
            return true;
        usleep(5000);
    }
    return false;
}

static void visit_many(SSL_CTX *good, SSL_CTX *bare, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        visit(good, bare, i % 4);
}

#define VISITS 400

Test(tls_engine, a_storm_of_handshakes_leaves_nothing_behind)
{
    struct plug plug;
    struct peer receiver;
    signal(SIGPIPE, SIG_IGN); /* a client that is refused may still be writing */
    SSL_CTX *good = client_context(true), *bare = client_context(false);
    plug_init_tls(&plug, "");
    peer_open(&receiver, &plug, LEAT_ROLE_PULLER, 0);
    peer_listen(&receiver, &plug, own_url());
    visit_many(good, bare, VISITS); /* what is kept for good is made now */
    int files = open_files();
    cr_assert(files_come_down_to(20), "%d files are open", open_files());
    files = open_files();
    size_t before = mallinfo2().uordblks;
    visit_many(good, bare, VISITS);
    cr_expect(files_come_down_to(files), "%d files instead of %d", open_files(), files);
    size_t after = mallinfo2().uordblks;
    cr_expect(after < before + VISITS * 512, "%zu bytes more", after - before);
    size_t lines = 0;
    for (const char *at = plug.heard; (at = strstr(at, "handshake with")) != NULL; at++)
        lines++;
    cr_expect(lines > 0, "failures are logged");
    SSL_CTX_free(good);
    SSL_CTX_free(bare);
    peer_close(&receiver);
    plug_fini(&plug);
}
