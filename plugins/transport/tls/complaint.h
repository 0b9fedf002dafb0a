/* What is wrong with an endpoint's certificates and options, told to whoever looks: check() blames the option, attach() keeps the
 * first sentence for its explanation. */
#ifndef LEAT_TLS_COMPLAINT_H
#define LEAT_TLS_COMPLAINT_H

struct tls_complaints {
    void (*wrong)(void *user, const char *option, const char *text); /* cannot work */
    void (*doubtful)(void *user, const char *text); /* works, but not for long, or not as one wants; may be NULL */
    void *user;
    const char *file; /* that is looked at, or NULL */
    unsigned count;   /* of what was wrong */
};

/* As printf. A doubt begins with the file. */
__attribute__((format(printf, 3, 4))) void tls_complain(struct tls_complaints *complaints, const char *option,
                                                        const char *format, ...);
__attribute__((format(printf, 2, 3))) void tls_doubt(const struct tls_complaints *complaints, const char *format, ...);

#endif
