/* A transport whose network is the test: it holds every submitted send and receive until the test completes it, in any
 * order, with any status, from any thread. */
#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

#include "plugin/registry.h"

#include <pthread.h>
#include <stdbool.h>

#define ENGINE_SLOTS 1024u
#define ENGINE_DELIVERED 65536u

struct fake_operation {
    uint32_t slot;
    struct leat_packet *packet;
};

struct fake_engine {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct leat_socket_request request;
    bool synchronous; /* sends complete within send() */
    bool down;        /* the next send fails in send() itself, and finds the engine up again */
    int refuse_sends; /* so many sends fail in send() itself */
    int attach_error;
    bool closing;

    struct fake_operation sends[ENGINE_SLOTS], receives[ENGINE_SLOTS];
    uint32_t send_count, receive_count;
    bool slot_taken_twice, two_submit_at_once;
    _Atomic int submitting;

    uint64_t delivered[ENGINE_DELIVERED]; /* first 8 bytes of the body; UINT64_MAX for a shorter one */
    uint64_t delivered_count, delivered_bytes;
    char last[16];       /* the beginning of the last one */
    _Atomic int packets; /* allocated and not given back */
};

extern const struct plugin fake_transport;

void fake_engine_init(struct fake_engine *engine);

void engine_peers(struct fake_engine *engine, uint32_t count);
void engine_await_sends(struct fake_engine *engine, uint32_t count);
void engine_await_receives(struct fake_engine *engine, uint32_t count);
uint32_t engine_sends(struct fake_engine *engine);
/* Completes the `nth` of the sends that are pending, oldest first. False: there are not so many. */
bool engine_complete(struct fake_engine *engine, uint32_t nth, int32_t status);
void engine_complete_all(struct fake_engine *engine);
/* The peer vanishes: all that is pending fails, and the next thing that is submitted. Then there is another. That one send more
 * fails makes order provable: whoever was about to send when the others failed cannot overtake them. */
void engine_reset(struct fake_engine *engine);
/* A message of `len` bytes with `number` at `offset` arrives. False: no receive is posted. */
bool engine_arrive(struct fake_engine *engine, uint64_t number, uint64_t offset, uint64_t len);
bool engine_fail_receive(struct fake_engine *engine, int32_t status);

#endif
