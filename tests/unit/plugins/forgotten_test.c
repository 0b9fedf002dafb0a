/* Pipes whose connection has gone without nng noticing: here their peers only claim to have one. */
#include "common/sp_forgotten.h"
#include "common/sp_peers.h"

#include <criterion/criterion.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define URL "inproc://forgotten"
#define CLAIMED "192.0.2.1"
#define PIPES 40 /* more than are closed at once */
#define LOOKS 30 /* one a second */

static struct sp_peers peers;
static nng_socket publisher, subscribers[PIPES];

static void nap(int64_t ns)
{
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void connect_all(void)
{
    cr_assert(nng_pub0_open(&publisher) == 0);
    cr_assert(sp_peers_init(&peers, publisher, NULL, NULL) == 0);
    cr_assert(nng_listen(publisher, URL, NULL, 0) == 0);
    for (int i = 0; i < PIPES; i++) {
        cr_assert(nng_sub0_open(&subscribers[i]) == 0);
        cr_assert(nng_dial(subscribers[i], URL, NULL, 0) == 0);
    }
    for (int i = 0; i < 10000 && sp_peers_count(&peers) < PIPES; i++)
        nap(1000000);
    cr_assert(sp_peers_count(&peers) == PIPES);
}

static void claim_connections(uint32_t count)
{
    pthread_mutex_lock(&peers.lock);
    for (uint32_t i = 0; i < count; i++)
        snprintf(peers.items[i].address, sizeof peers.items[i].address, CLAIMED ":%u", 1000 + i);
    pthread_mutex_unlock(&peers.lock);
}

/* Those who were let go may have come back meanwhile, and claim nothing then. */
static uint32_t count_claims(void)
{
    uint32_t count = 0;
    pthread_mutex_lock(&peers.lock);
    for (uint32_t i = 0; i < peers.count; i++)
        count += strncmp(peers.items[i].address, CLAIMED, strlen(CLAIMED)) == 0;
    pthread_mutex_unlock(&peers.lock);
    return count;
}

static void disconnect_all(void)
{
    for (int i = 0; i < PIPES; i++)
        nng_close(subscribers[i]);
    nng_close(publisher);
    sp_peers_fini(&peers);
}

Test(forgotten, are_all_closed_however_many)
{
    connect_all();
    claim_connections(PIPES);
    for (int look = 0; look < LOOKS && count_claims() > 0; look++) {
        cr_assert(sp_forgotten_look() == 0, "nng parts with whom it was told to");
        nap(999999999);
    }
    cr_assert(count_claims() == 0);
    disconnect_all();
}

Test(forgotten, are_not_those_without_a_connection_of_their_own)
{
    connect_all();
    uint32_t first = peers.items[0].pipe;
    for (int look = 0; look < 4; look++) {
        cr_assert(sp_forgotten_look() == 0);
        nap(999999999);
    }
    cr_assert(peers.count == PIPES && peers.items[0].pipe == first);
    disconnect_all();
}
