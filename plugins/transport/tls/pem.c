#include "tls/pem.h"

#include "tls/reason.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (4u << 20) /* Debian's whole bundle of authorities has 0.2 MiB */

static char *read_all(FILE *file)
{
    char *text = malloc(FILE_MAX + 1);
    size_t len = text ? fread(text, 1, FILE_MAX + 1, file) : 0;
    if (!text || ferror(file) || len > FILE_MAX) {
        int error = !text ? ENOMEM : ferror(file) ? errno : EFBIG;
        free(text);
        errno = error;
        return NULL;
    }
    text[len] = '\0';
    char *fitting = realloc(text, len + 1);
    return fitting ? fitting : text;
}

/* A pipe or a device in a file's place would keep its reader waiting. NULL with errno. */
static FILE *open_file(const char *path)
{
    struct stat found;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    FILE *file = NULL;
    if (fstat(fd, &found) == 0 && !S_ISREG(found.st_mode))
        errno = S_ISDIR(found.st_mode) ? EISDIR : EINVAL;
    else
        file = fdopen(fd, "r");
    if (!file) {
        int error = errno;
        close(fd);
        errno = error;
    }
    return file;
}

char *tls_pem_read(const char *path, const char *option, struct tls_complaints *complaints)
{
    FILE *file = open_file(path);
    char *text = file ? read_all(file) : NULL;
    int error = errno;
    if (file)
        fclose(file);
    if (!text) {
        tls_complain(complaints, option, "cannot be read: %s", error == EINVAL ? "it is no file" : strerror(error));
        return NULL;
    }
    if (strstr(text, "-----BEGIN "))
        return text;
    tls_complain(complaints, option, "is no PEM file: no line in it starts with -----BEGIN");
    tls_pem_free(text);
    return NULL;
}

void tls_pem_free(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

/* The reader's way of saying that there is nothing more. */
static bool was_the_end(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

STACK_OF(X509) * tls_pem_certificates(const char *text, const char *option, struct tls_complaints *complaints)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    STACK_OF(X509) *certificates = sk_X509_new_null();
    X509 *certificate;
    char why[128];
    ERR_clear_error();
    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        sk_X509_push(certificates, certificate);
    BIO_free(bio);
    int count = sk_X509_num(certificates);
    if (was_the_end() && count > 0) {
        ERR_clear_error();
        return certificates;
    }
    if (was_the_end()) {
        tls_complain(complaints, option, "holds no certificate");
    } else {
        tls_reason_of_queue(why, sizeof why);
        tls_complain(complaints, option, "its certificate number %d is damaged: %s", count + 1, why);
    }
    ERR_clear_error();
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

struct pass_phrase {
    const char *text;
    bool asked;
};

static int give(char *buffer, int size, int writing, void *user)
{
    (void)writing;
    struct pass_phrase *phrase = user;
    phrase->asked = true;
    size_t len = phrase->text ? strlen(phrase->text) : 0;
    if (!phrase->text || len > (size_t)size)
        return -1;
    memcpy(buffer, phrase->text, len);
    return (int)len;
}

EVP_PKEY *tls_pem_key(const char *text, const char *password, const char *option, struct tls_complaints *complaints)
{
    struct pass_phrase phrase = {.text = password};
    char why[128];
    BIO *bio = BIO_new_mem_buf(text, -1);
    ERR_clear_error();
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give, &phrase);
    BIO_free(bio);
    if (key) {
        ERR_clear_error();
        return key;
    }
    if (phrase.asked && !password)
        tls_complain(complaints, option, "the private key is encrypted; tls.key_password must say its pass phrase");
    else if (phrase.asked)
        tls_complain(complaints, "key_password", "is not the pass phrase of the private key");
    else if (!strstr(text, "PRIVATE KEY-----"))
        tls_complain(complaints, option, "holds no private key");
    else {
        tls_reason_of_queue(why, sizeof why);
        tls_complain(complaints, option, "its private key is damaged, or of an unknown kind: %s", why);
    }
    ERR_clear_error();
    return NULL;
}
