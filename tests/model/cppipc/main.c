/* The model as a program: orders.h says what it is told and what it prints. */
#include "orders.h"
#include "peer.h"
#include "point.h"

#define HOLD_MAX 64u
#define LOOK_MS 50 /* how soon SIGTERM is noticed */

static struct peer peer;

/* ---- sending ------------------------------------------------------------------------------------------------------- */

static int run_sender(const struct orders *orders)
{
    if (!peer_connect_sender(&peer))
        return 3;
    orders_say("ready");
    while (!orders_end && !peer_wait_for_receivers(&peer, (unsigned)orders->receivers, LOOK_MS))
        continue;
    unsigned char *data = malloc(series_largest(&orders->series));
    uint64_t number = orders->first, failed = 0, end = orders->count ? number + orders->count : UINT64_MAX;
    double began = orders_now(), longest = 0;
    for (; data && !orders_end && number < end; number++) {
        series_fill(&orders->series, (unsigned)orders->sender, number, data);
        double before = orders_now();
        bool (*send)(struct peer *, const void *, size_t, uint64_t) = orders->tries ? peer_try_send : peer_send;
        failed += !send(&peer, data, series_size(&orders->series, number), orders->limit_ms);
        double took = orders_now() - before;
        longest = took > longest ? took : longest;
        orders_progress(orders, number + 1 - orders->first);
        orders_nap(orders->interval_us);
    }
    orders_report_sent(number - orders->first - failed, failed, longest, began);
    while (orders->stay && !orders_end)
        orders_nap(10000);
    free(data);
    return 0;
}

/* ---- receiving ----------------------------------------------------------------------------------------------------- */

static struct peer_message held[HOLD_MAX];

/* Keeps the last ones, each until another needs its place. */
static void keep(struct peer_message *message, uint64_t count, uint64_t hold)
{
    if (hold == 0 || hold > HOLD_MAX) {
        peer_done(&peer, message);
        return;
    }
    struct peer_message *place = &held[count % hold];
    if (place->data)
        peer_done(&peer, place);
    *place = *message;
}

static int run_receiver(const struct orders *orders)
{
    struct series_account account = {0};
    double first = 0, last = orders_now();
    if (!peer_connect_receiver(&peer))
        return 3;
    orders_say("ready");
    while (!orders_end && (!orders->count || account.received < orders->count)) {
        struct peer_message message;
        bool came = peer_receive(&peer, &message, LOOK_MS);
        double now = orders_now();
        if (!came && orders->idle_ms && (now - last) * 1000 > (double)orders->idle_ms)
            break;
        if (!came)
            continue;
        first = first == 0 ? now : first;
        last = now;
        series_see(&account, &orders->series, message.data, message.len);
        keep(&message, account.received, orders->hold);
        orders_progress(orders, account.received);
        orders_nap(orders->interval_us);
    }
    orders_report_received(&account, first == 0 ? 0 : last - first);
    for (unsigned i = 0; i < HOLD_MAX; i++)
        if (held[i].data)
            peer_done(&peer, &held[i]);
    return 0;
}

/* ---- questions and answers: the tag is in the first 8 bytes -------------------------------------------------------- */

#define TAG_BYTES 8u

/* Answers each question with itself, behind its tag and "re:". */
static bool answer(struct peer *answers, const struct peer_message *question, uint64_t limit_ms)
{
    unsigned char *data = malloc(question->len + 3);
    if (!data || question->len < TAG_BYTES) {
        free(data);
        return false;
    }
    memcpy(data, question->data, TAG_BYTES);
    memcpy(data + TAG_BYTES, "re:", 3);
    memcpy(data + TAG_BYTES + 3, (const unsigned char *)question->data + TAG_BYTES, question->len - TAG_BYTES);
    bool sent = peer_send(answers, data, question->len + 3, limit_ms);
    free(data);
    return sent;
}

static int run_replier(const struct orders *orders, struct peer *answers)
{
    uint64_t asked = 0, answered = 0;
    if (!peer_connect_receiver(&peer) || !peer_connect_sender(answers))
        return 3;
    orders_say("ready");
    while (!orders_end && (!orders->count || asked < orders->count)) {
        struct peer_message question;
        if (!peer_receive(&peer, &question, LOOK_MS))
            continue;
        asked++;
        answered += answer(answers, &question, orders->limit_ms);
        peer_done(&peer, &question);
    }
    printf("{\"asked\": %llu, \"answered\": %llu}\n", (unsigned long long)asked, (unsigned long long)answered);
    return 0;
}

/* Asks one question after the other, its number as its tag, and waits for that answer. */
static bool is_answered(struct peer *answers, uint64_t number, const unsigned char *question, size_t len)
{
    struct peer_message message;
    for (double until = orders_now() + 10; orders_now() < until && !orders_end;) {
        if (!peer_receive(answers, &message, LOOK_MS))
            continue;
        const unsigned char *got = message.data;
        uint64_t tag = number;
        bool right = message.len == len + 3 && memcmp(got, &tag, TAG_BYTES) == 0 &&
                     memcmp(got + TAG_BYTES, "re:", 3) == 0 &&
                     memcmp(got + TAG_BYTES + 3, question + TAG_BYTES, len - TAG_BYTES) == 0;
        peer_done(answers, &message);
        return right;
    }
    return false;
}

static int run_requester(const struct orders *orders, struct peer *answers)
{
    unsigned char *question = malloc(series_largest(&orders->series));
    uint64_t answered = 0, number = orders->first;
    if (!question || !peer_connect_receiver(answers) || !peer_connect_sender(&peer))
        return 3;
    orders_say("ready");
    while (!orders_end && !peer_wait_for_receivers(&peer, (unsigned)orders->receivers, LOOK_MS))
        continue;
    for (; !orders_end && number < orders->first + orders->count; number++) {
        size_t len = series_size(&orders->series, number);
        series_fill(&orders->series, 0, number, question);
        answered += peer_send(&peer, question, len, orders->limit_ms) && is_answered(answers, number, question, len);
    }
    printf("{\"asked\": %llu, \"answered\": %llu}\n", (unsigned long long)(number - orders->first),
           (unsigned long long)answered);
    free(question);
    return 0;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int run(const struct orders *orders, const struct peer_where *where)
{
    if (strcmp(orders->role, "send") == 0)
        return run_sender(orders);
    if (strcmp(orders->role, "recv") == 0)
        return run_receiver(orders);
    static struct peer answers;
    struct peer_where there = *where;
    there.name = orders->answers;
    if (!orders->answers || !peer_open(&answers, &there))
        return 2;
    int status = strcmp(orders->role, "reply") == 0 ? run_replier(orders, &answers) : run_requester(orders, &answers);
    peer_close(&answers);
    return status;
}

int main(int argc, char **argv)
{
    static struct orders orders;
    bool understood = orders_read(&orders, argc, argv);
    for (unsigned i = 0; i < orders.point_count; i++)
        understood = understood && point_set(orders.points[i]);
    if (!understood) {
        fprintf(stderr, "usage: cppipc_peer send|recv|reply|request NAME [options]; see orders.h\n");
        return 2;
    }
    struct peer_where where = {orders.directory, orders.prefix, orders.name, .channel = orders_is_channel(&orders)};
    where.of_1_3 = orders.layout && strcmp(orders.layout, "1.3") == 0;
    if (!peer_open(&peer, &where)) {
        perror(orders.name);
        return 1;
    }
    int status = run(&orders, &where);
    peer_close(&peer);
    return status;
}
