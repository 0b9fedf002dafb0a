/* mqtt: leat's publishers and subscribers at an MQTT broker, through libmosquitto.
 *
 * Each socket has a client and a thread that runs it: it connects, completes a send once the broker has acknowledged it, and hands
 * each message that comes to a posted receive. While none is posted it waits: what the bridge does not take stays with the broker. */
#include <leat/plugin/transport.h>

#include <mosquitto.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD_MAX 268435455u /* of an MQTT packet */
#define TURN_MS 100            /* the longest that a stop waits for the thread */
#define PAUSE_FIRST_MS 50      /* between two attempts to connect */
#define PAUSE_LAST_MS 5000
#define REFUSED 0x80 /* a broker's answer to a subscription */

struct options {
    const char *user, *password, *client_id, *ca;
    uint32_t qos, retain, session;
    int64_t keepalive_ns;
};

struct slot {
    struct leat_packet *packet; /* NULL: not in use */
    uint32_t index;
    int mid; /* of a send: the broker's acknowledgement names it */
};

struct socket {
    struct leat_socket_request request;
    const struct leat_host *host;
    const struct options *options;
    struct mosquitto *client; /* NULL until attached */
    char broker[256];
    const char *topic;
    int port;
    pthread_t thread;
    _Atomic bool connected, stopping;
    bool accepted;        /* by the broker, subscription and all; the thread's own, as the next two */
    const char *refusal;  /* or why not */
    const char *told;     /* why there is no connection */
    pthread_mutex_t lock; /* of the sends */
    sem_t posted;         /* receives that wait for a message */
    uint64_t submitted, handed;
    struct slot *receives; /* a ring in the order of submission, behind the sends */
    struct slot sends[];   /* by their index */
};

/* mqtt://BROKER[:PORT]/TOPIC. NULL, or what is wrong. */
static const char *parse(struct socket *socket, const char *url)
{
    const char *broker = strstr(url, "://") + 3, *topic = strchr(broker, '/');
    if (!topic || topic[1] == '\0' || mosquitto_sub_topic_check(topic + 1) != MOSQ_ERR_SUCCESS)
        return "a topic must follow the broker, as in mqtt://broker:1883/site7/quotes";
    if (sscanf(broker, "%255[^:/@]", socket->broker) != 1 || memchr(broker, '@', (size_t)(topic - broker)))
        return "expected mqtt://BROKER:PORT/TOPIC; name and password stand in mqtt.user and mqtt.password";
    broker += strlen(socket->broker);
    socket->topic = topic + 1;
    socket->port = strncmp(url, "mqtts:", 6) == 0 ? 8883 : 1883;
    if (broker != topic && (sscanf(broker, ":%5d/", &socket->port) != 1 || socket->port < 1 || socket->port > 65535))
        return "the port must be a number from 1 to 65535";
    return NULL;
}

static int32_t check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    const struct options *options = endpoint->options;
    struct socket scratch;
    const char *option = endpoint->listen ? "listen" : "dial", *wrong = parse(&scratch, endpoint->url);
    if (endpoint->listen)
        wrong = "a bridge is a client of its broker: dial = mqtt://...";
    if (!wrong && options->session && !options->client_id && (option = "session"))
        wrong = "kept needs a mqtt.client_id, by which the broker finds it again";
    if (wrong)
        host->blame(host->context, option, wrong);
    return wrong ? -EINVAL : 0;
}

/* ---- what libmosquitto calls, in the socket's thread --------------------------------------------------------------- */

static void on_connect(struct mosquitto *client, void *of, int refused)
{
    struct socket *socket = of;
    socket->refusal = refused ? mosquitto_connack_string(refused) : NULL;
    socket->accepted = !refused && socket->request.role == LEAT_ROLE_PUBLISHER;
    if (!refused && !socket->accepted)
        mosquitto_subscribe(client, NULL, socket->topic, (int)socket->options->qos);
}

static void on_subscribe(struct mosquitto *client, void *of, int mid, int count, const int *granted)
{
    struct socket *socket = of;
    (void)client, (void)mid, (void)count;
    socket->accepted = granted[0] < REFUSED;
    socket->refusal = socket->accepted ? NULL : "it does not let us subscribe to this topic";
}

/* What a subscriber asked for: to leat a topic is how a message begins. */
static bool is_wanted(const struct socket *socket, const struct mosquitto_message *message)
{
    for (const char *const *topic = socket->request.topics; topic && *topic; topic++)
        if (strlen(*topic) <= (size_t)message->payloadlen && !strncmp(*topic, message->payload, strlen(*topic)))
            return true;
    return !socket->request.topics;
}

static void on_message(struct mosquitto *client, void *of, const struct mosquitto_message *message)
{
    struct socket *socket = of;
    size_t len = (size_t)message->payloadlen;
    void *body = is_wanted(socket, message) ? malloc(len + 1) : NULL;
    (void)client;
    while (body && sem_wait(&socket->posted) != 0) /* a signal */
        continue;
    if (!body || socket->stopping) {
        free(body);
        return;
    }
    struct slot *slot = &socket->receives[socket->handed++ % socket->request.depth];
    if (len)
        memcpy(body, message->payload, len);
    *slot->packet = (struct leat_packet){.data = body, .engine = body, .len = len, .peer = 1};
    socket->request.received(socket->request.context, slot->index, 0);
}

/* The send of this number is over; 0: each that is under way. send() holds the lock until it knows the number. */
static void finish(struct socket *socket, int mid, int32_t status)
{
    for (uint32_t index = 0; index < socket->request.depth; index++) {
        struct slot *slot = &socket->sends[index];
        pthread_mutex_lock(&socket->lock);
        struct leat_packet *packet = mid == 0 || slot->mid == mid ? slot->packet : NULL;
        if (packet)
            slot->packet = NULL;
        pthread_mutex_unlock(&socket->lock);
        if (packet && status == 0)
            free(packet->engine);
        if (packet)
            socket->request.sent(socket->request.context, index, status);
    }
}

static void on_publish(struct mosquitto *client, void *socket, int mid)
{
    (void)client;
    finish(socket, mid, 0);
}

/* ---- the thread ---------------------------------------------------------------------------------------------------- */

/* There is no connection. What libmosquitto does not send again on the next one has failed. */
static void lost(struct socket *socket, int error)
{
    const char *why = error == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(error);
    char text[512];
    why = socket->refusal ? socket->refusal : why;
    if (atomic_exchange(&socket->connected, false))
        socket->request.peers(socket->request.context, 0);
    if (socket->options->qos == 0)
        finish(socket, 0, -ECONNRESET);
    snprintf(text, sizeof text, "broker %s:%d: %s; dialling again", socket->broker, socket->port, why);
    if (why != socket->told && !socket->stopping) /* constants */
        socket->host->log(socket->host->context, LEAT_LOG_WARNING, text);
    socket->told = why;
}

static void *run(void *of)
{
    struct socket *socket = of;
    int keepalive_s = (int)(socket->options->keepalive_ns / 1000000000);
    for (int64_t pause_ms = PAUSE_FIRST_MS; !socket->stopping;) {
        socket->refusal = NULL;
        socket->accepted = false;
        int error = mosquitto_connect(socket->client, socket->broker, socket->port, keepalive_s);
        while (error == MOSQ_ERR_SUCCESS && !socket->refusal && !socket->stopping) {
            error = mosquitto_loop(socket->client, TURN_MS, 1);
            if (error || !socket->accepted)
                continue;
            if (!atomic_exchange(&socket->connected, true)) /* only now: what was left unacknowledged went first */
                socket->request.peers(socket->request.context, 1);
            pause_ms = PAUSE_FIRST_MS;
            socket->told = NULL;
        }
        lost(socket, error);
        /* At random, so that a broker that is back does not get everybody at once. */
        int64_t left_ms = pause_ms / 2 + socket->host->now_ns(socket->host->context) / 1000 % (pause_ms / 2);
        for (; left_ms > 0 && !socket->stopping; left_ms -= 10)
            usleep(10000);
        pause_ms = pause_ms * 2 < PAUSE_LAST_MS ? pause_ms * 2 : PAUSE_LAST_MS;
    }
    return NULL;
}

/* ---- the socket ---------------------------------------------------------------------------------------------------- */

static int32_t open_socket(void **out, const struct leat_host *host, const struct leat_socket_request *request)
{
    struct socket *socket = calloc(1, sizeof *socket + 2 * request->depth * sizeof *socket->sends);
    if (!socket)
        return -ENOMEM;
    if (request->role != LEAT_ROLE_PUBLISHER && request->role != LEAT_ROLE_SUBSCRIBER) {
        host->log(host->context, LEAT_LOG_ERROR, "MQTT knows publishers and subscribers only: pattern = pubsub");
        free(socket);
        return -ENOTSUP;
    }
    memcpy(&socket->request, request, request->size < sizeof *request ? request->size : sizeof *request);
    socket->host = host;
    socket->receives = socket->sends + request->depth;
    sem_init(&socket->posted, 0, 0);
    pthread_mutex_init(&socket->lock, NULL);
    mosquitto_lib_init();
    *out = socket;
    return 0;
}

static void close_socket(void *of)
{
    struct socket *socket = of;
    socket->stopping = true;
    sem_post(&socket->posted);
    if (socket->client) {
        mosquitto_disconnect(socket->client);
        pthread_join(socket->thread, NULL);
        mosquitto_destroy(socket->client);
    }
    finish(socket, 0, -ECANCELED);
    while (socket->handed < socket->submitted) {
        struct slot *slot = &socket->receives[socket->handed++ % socket->request.depth];
        socket->request.received(socket->request.context, slot->index, -ECANCELED);
    }
    mosquitto_lib_cleanup();
    sem_destroy(&socket->posted);
    pthread_mutex_destroy(&socket->lock);
    free(socket);
}

static uint64_t native(void *socket)
{
    return (uintptr_t)socket;
}

/* libmosquitto's settings, from the options. */
static int set_up(struct socket *socket, bool tls)
{
    const struct options *options = socket->options;
    mosquitto_connect_callback_set(socket->client, on_connect);
    mosquitto_subscribe_callback_set(socket->client, on_subscribe);
    mosquitto_message_callback_set(socket->client, on_message);
    mosquitto_publish_callback_set(socket->client, on_publish);
    mosquitto_threaded_set(socket->client, true);
    int error = mosquitto_username_pw_set(socket->client, options->user, options->password);
    if (!error && tls)
        error = mosquitto_tls_set(socket->client, options->ca, options->ca ? NULL : "/etc/ssl/certs", NULL, NULL, NULL);
    return error ? error : pthread_create(&socket->thread, NULL, run, socket) ? MOSQ_ERR_NOMEM : 0;
}

static int32_t attach(uint64_t of, const struct leat_host *host, const struct leat_endpoint *endpoint, char *explain,
                      uint64_t explain_size)
{
    struct socket *socket = (struct socket *)(uintptr_t)of;
    const char *wrong = socket->client ? "an mqtt bridge has one broker and one topic" : parse(socket, endpoint->url);
    (void)host;
    if (!wrong && socket->request.role == LEAT_ROLE_PUBLISHER && mosquitto_pub_topic_check(socket->topic))
        wrong = "# and + are for subscribers: a publisher names one topic";
    if (!wrong) {
        socket->options = endpoint->options;
        socket->client = mosquitto_new(socket->options->client_id, !socket->options->session, socket);
        int error = socket->client ? set_up(socket, strncmp(endpoint->url, "mqtts:", 6) == 0) : MOSQ_ERR_NOMEM;
        if (!error)
            return 0;
        mosquitto_destroy(socket->client);
        socket->client = NULL;
        wrong = mosquitto_strerror(error);
    }
    snprintf(explain, explain_size, "%s", wrong);
    return -EINVAL;
}

static int32_t alloc(void *socket, struct leat_packet *packet, uint64_t len)
{
    void *body = malloc(len + 1);
    (void)socket;
    *packet = (struct leat_packet){.data = body, .engine = body, .len = len};
    return body ? 0 : -ENOMEM;
}

static void drop(void *socket, struct leat_packet *packet)
{
    (void)socket;
    free(packet->engine);
    packet->engine = NULL;
}

static int32_t send_packet(void *of, uint32_t index, struct leat_packet *packet)
{
    struct socket *socket = of;
    struct slot *slot = &socket->sends[index];
    int qos = socket->options ? (int)socket->options->qos : 0;
    if (packet->len > PAYLOAD_MAX || !socket->connected)
        return packet->len > PAYLOAD_MAX ? -EMSGSIZE : -ENOTCONN;
    pthread_mutex_lock(&socket->lock);
    int error = mosquitto_publish(socket->client, &slot->mid, socket->topic, (int)packet->len, packet->data, qos,
                                  socket->options->retain);
    if (error == MOSQ_ERR_NO_CONN && qos > 0)
        error = 0; /* the connection has just been lost; it is kept for the next one */
    slot->packet = error ? NULL : packet;
    pthread_mutex_unlock(&socket->lock);
    return !error ? 0 : error == MOSQ_ERR_NO_CONN ? -ENOTCONN : error == MOSQ_ERR_NOMEM ? -ENOMEM : -EIO;
}

static int32_t receive(void *of, uint32_t index, struct leat_packet *packet)
{
    struct socket *socket = of;
    socket->receives[socket->submitted++ % socket->request.depth] = (struct slot){.packet = packet, .index = index};
    sem_post(&socket->posted);
    return 0;
}

static const struct leat_option rows[] = {
    LEAT_OPTION_CHOICES(
        struct options, qos, "qos", "1", "0|1|2",
        "0: what is under way when a connection is lost is lost; 1: it is not; 2: nor does it come twice."),
    LEAT_OPTION(struct options, retain, "retain", LEAT_OPTION_BOOL, "no", "The broker keeps the last message for all."),
    LEAT_OPTION(struct options, user, "user", LEAT_OPTION_TEXT, NULL, "Name at the broker."),
    LEAT_OPTION_FULL(struct options, password, "password", LEAT_OPTION_TEXT, LEAT_OPTION_SECRET, NULL, 0, 0, NULL,
                     "Password at the broker."),
    LEAT_OPTION(struct options, client_id, "client_id", LEAT_OPTION_TEXT, NULL, "Unique at the broker; else random."),
    LEAT_OPTION_CHOICES(struct options, session, "session", "clean", "clean|kept",
                        "kept: the broker holds what comes for us while we are away (qos 1 and 2)."),
    LEAT_OPTION_RANGE(struct options, keepalive_ns, "keepalive", LEAT_OPTION_DURATION, "60s", INT64_C(5000000000),
                      INT64_C(65535000000000), "After how long of silence the connection is tried."),
    LEAT_OPTION(struct options, ca, "ca", LEAT_OPTION_PATH, NULL, "mqtts: who signs brokers; else the system's."),
};

static const struct leat_transport_ops ops = {
    .size = sizeof(struct leat_transport_ops),
    .schemes = "mqtt|mqtts",
    .family = "mqtt/1",
    .check = check,
    .open = open_socket,
    .native = native,
    .attach = attach,
    .alloc = alloc,
    .drop = drop,
    .send = send_packet,
    .receive = receive,
    .close = close_socket,
};

LEAT_EXPORT const struct leat_plugin leat_plugin_v1 = {
    .size = sizeof(struct leat_plugin),
    .kind = LEAT_PLUGIN_TRANSPORT,
    .options_size = sizeof(struct options),
    .name = "mqtt",
    .version = "1.0",
    .summary = "Publishes to and subscribes at an MQTT broker",
    .reference =
        "mqtt://BROKER[:PORT]/TOPIC and mqtts://..., to be dialled by a pubsub bridge. Inward TOPIC is a filter.\n",
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .transport = &ops,
};
