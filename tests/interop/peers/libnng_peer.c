/* The remote program of an interop test, with the packaged libnng from C. Command line and lines: see pynng_peer.py. */
#include "libnng_endpoint.h"

#include <nng/nng.h>
#include <nng/protocol/bus0/bus.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pair1/pair.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/protocol/survey0/respond.h>
#include <nng/protocol/survey0/survey.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SURVEY_MS 20000

enum talk { SENDS, RECEIVES, BOTH, ANSWERS, ASKS, SURVEYS };

struct kind {
    const char *role;
    int (*open)(nng_socket *);
    enum talk talk;
};

static const struct kind kinds[] = {
    {"pub", nng_pub0_open, SENDS},
    {"sub", nng_sub0_open, RECEIVES},
    {"push", nng_push0_open, SENDS},
    {"pull", nng_pull0_open, RECEIVES},
    {"req", nng_req0_open, ASKS},
    {"rep", nng_rep0_open, ANSWERS},
    {"surveyor", nng_surveyor0_open, SURVEYS},
    {"respondent", nng_respondent0_open, ANSWERS},
    {"bus", nng_bus0_open, BOTH},
    {"pair0", nng_pair0_open, BOTH},
    {"pair1", nng_pair1_open, BOTH},
};

struct peer {
    const struct kind *kind;
    struct told told;
    nng_socket socket;
};

/* ---- lines -------------------------------------------------------------------------------------------------------- */

static void say(const char *line)
{
    flockfile(stdout);
    puts(line);
    fflush(stdout);
    funlockfile(stdout);
}

/* number: which send this answers, or -1. */
static void say_got(nng_msg *message, int number)
{
    const uint8_t *body = nng_msg_body(message);
    size_t len = nng_msg_len(message);
    flockfile(stdout);
    fputs(len ? "got " : "got -", stdout);
    for (size_t i = 0; i < len; i++) {
        putc_unlocked("0123456789abcdef"[body[i] >> 4], stdout);
        putc_unlocked("0123456789abcdef"[body[i] & 15], stdout);
    }
    if (number >= 0)
        fprintf(stdout, " %d", number);
    putc_unlocked('\n', stdout);
    fflush(stdout);
    funlockfile(stdout);
}

static uint8_t digit(char sign)
{
    const char *at = strchr("0123456789abcdef", sign);
    if (!at || !sign)
        die("line", "not a hexadecimal digit");
    return (uint8_t)(at - "0123456789abcdef");
}

/* The message that the line `send BYTES` asks for. */
static nng_msg *parse(char *line)
{
    nng_msg *message;
    must("message", nng_msg_alloc(&message, 0));
    if (strncmp(line, "send ", 5) != 0)
        die("line", "expected: send BYTES");
    line[strcspn(line, "\n")] = '\0';
    for (const char *at = line + 5; at[0] != '\0' && at[0] != '-'; at += 2) {
        uint8_t byte = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
        must("message", nng_msg_append(message, &byte, 1));
    }
    return message;
}

/* ---- talking ------------------------------------------------------------------------------------------------------ */

static void *receive(void *of)
{
    struct peer *peer = of;
    nng_msg *message;
    while (nng_recvmsg(peer->socket, &message, 0) == 0) {
        say_got(message, -1);
        nng_msg_free(message);
    }
    return NULL;
}

/* Answers its name, "re:" and what it was asked. */
static void *answer(void *of)
{
    struct peer *peer = of;
    const char *name = peer->told.name ? peer->told.name : "";
    nng_msg *question, *reply;
    while (nng_recvmsg(peer->socket, &question, 0) == 0) {
        say_got(question, -1);
        must("answer", nng_msg_alloc(&reply, 0));
        must("answer", nng_msg_append(reply, name, strlen(name)));
        must("answer", nng_msg_append(reply, "re:", 3));
        must("answer", nng_msg_append(reply, nng_msg_body(question), nng_msg_len(question)));
        nng_msg_free(question);
        must("answer", nng_sendmsg(peer->socket, reply, 0));
    }
    return NULL;
}

struct question {
    struct peer *peer;
    nng_msg *message;
    int number;
};

/* A question in a context of its own, so that others may be open at the same time. */
static void *ask(void *of)
{
    struct question *question = of;
    nng_ctx context;
    nng_aio *aio;
    must("context", nng_ctx_open(&context, question->peer->socket));
    must("context", nng_aio_alloc(&aio, NULL, NULL));
    nng_aio_set_msg(aio, question->message);
    nng_ctx_send(context, aio);
    nng_aio_wait(aio);
    must("ask", nng_aio_result(aio));
    do {
        nng_ctx_recv(context, aio);
        nng_aio_wait(aio);
        if (nng_aio_result(aio) != 0)
            break; /* the survey is over, or the peer */
        say_got(nng_aio_get_msg(aio), question->number);
        nng_msg_free(nng_aio_get_msg(aio));
    } while (question->peer->kind->talk == SURVEYS);
    nng_ctx_close(context);
    nng_aio_free(aio);
    free(question);
    return NULL;
}

static void start_thread(void *(*work)(void *), void *of)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, of) != 0)
        die("thread", "cannot be started");
    pthread_detach(thread);
}

static void send_line(struct peer *peer, char *line, int number)
{
    nng_msg *message = parse(line);
    if (peer->kind->talk != ASKS && peer->kind->talk != SURVEYS) {
        must("send", nng_sendmsg(peer->socket, message, 0));
        return;
    }
    struct question *question = malloc(sizeof *question);
    if (!question)
        die("question", "no memory");
    *question = (struct question){.peer = peer, .message = message, .number = number};
    start_thread(ask, question);
}

/* ---- main --------------------------------------------------------------------------------------------------------- */

static void joined(nng_pipe pipe, nng_pipe_ev event, void *of)
{
    (void)pipe, (void)event, (void)of;
    say("joined");
}

static void open_socket(struct peer *peer)
{
    must("open", peer->kind->open(&peer->socket));
    must("size limit", nng_socket_set_size(peer->socket, NNG_OPT_RECVMAXSZ, 1 << 20));
    must("reconnect", nng_socket_set_ms(peer->socket, NNG_OPT_RECONNMINT, 20));
    must("reconnect", nng_socket_set_ms(peer->socket, NNG_OPT_RECONNMAXT, 200));
    if (peer->kind->talk == SURVEYS)
        must("survey time", nng_socket_set_ms(peer->socket, NNG_OPT_SURVEYOR_SURVEYTIME, SURVEY_MS));
    if (peer->kind->open == nng_sub0_open)
        must("subscribe",
             nng_socket_set(peer->socket, NNG_OPT_SUB_SUBSCRIBE, peer->told.topic, strlen(peer->told.topic)));
    must("notify", nng_pipe_notify(peer->socket, NNG_PIPE_EV_ADD_POST, joined, NULL));
}

int main(int argc, char **argv)
{
    struct peer peer = {.told = told(argc, argv)};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].role, peer.told.role) == 0)
            peer.kind = &kinds[i];
    }
    if (!peer.kind)
        die("role", "there is none of that name");
    open_socket(&peer);
    start_endpoint(peer.socket, &peer.told);
    say("ready");
    if (peer.kind->talk == RECEIVES || peer.kind->talk == BOTH)
        start_thread(receive, &peer);
    if (peer.kind->talk == ANSWERS)
        start_thread(answer, &peer);
    char *line = NULL;
    size_t room = 0;
    for (int number = 0; getline(&line, &room, stdin) > 0; number++)
        send_line(&peer, line, number);
    _exit(0); /* not nng_close, which may never return */
}
