/* mqtt: leat's publishers and subscribers at an MQTT broker, through libmosquitto.
 *
 * Each socket has a client and a thread that runs it: it connects, completes a send once the broker has acknowledged it, and hands
 * each message that comes to a posted receive. While none is posted it waits, so that what the bridge does not take stays with the
 * broker. */
#include <leat/plugin/transport.h>

#include <mosquitto.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAYLOAD_MAX 268435455u /* of an MQTT packet */
#define TURN_MS 100            /* the longest that a stop waits for the thread */
#define PAUSE_FIRST_MS 50
#define PAUSE_LAST_MS 5000
#define REFUSED 0x80 /* a broker's answer to a subscription */

struct options {
    const char *user, *password, *client_id, *ca;
    uint32_t qos, retain, session;
    int64_t keepalive_ns;
};

struct slot { /* without a packet: not in use */
    struct leat_packet *packet;
    uint32_t index;
    int mid; /* of a send: the broker's acknowledgement names it */
};

struct socket {
    struct leat_socket_request request;
    const struct leat_host *host;
    const struct options *options;
    struct mosquitto *client; /* NULL until attached */
    char broker[256];
    int port;
    const char *topic;
    pthread_t thread;
    _Atomic bool connected, stopping;
    bool accepted;       /* by the broker, subscription and all; the thread's own, as the next three */
    const char *refusal; /* or why not */
    const char *told;
    uint64_t handed; /* receives completed */

    struct slot *receives; /* a ring in the order of submission; `posted` counts them */
    uint64_t submitted;
    sem_t posted;
    struct slot *sends;   /* by slot */
    pthread_mutex_t lock; /* of `sends` */
};

/* ---- addresses: mqtt://HOST[:PORT]/TOPIC -------------------------------------------------------------------------- */

/* NULL, or what is wrong. */
static const char *parse(struct socket *socket, const char *url)
{
    const char *host = strstr(url, "://") + 3, *topic = strchr(host, '/');
    size_t bracket = *host == '[', len = strcspn(host += bracket, bracket ? "]" : ":/@");
    const char *rest = host + len + bracket;
    socket->port = strncmp(url, "mqtts:", 6) == 0 ? 8883 : 1883;
    if (!topic || mosquitto_sub_topic_check(topic + 1) != MOSQ_ERR_SUCCESS || topic[1] == '\0')
        return "a topic must follow the broker, as in mqtt://broker:1883/site7/quotes";
    if (len == 0 || len >= sizeof socket->broker || rest > topic || *rest == '@')
        return "expected mqtt://BROKER:PORT/TOPIC; name and password stand in mqtt.user and mqtt.password";
    if (rest < topic && (sscanf(rest, ":%5d/", &socket->port) != 1 || socket->port < 1 || socket->port > 65535))
        return "the port must be a number from 1 to 65535";
    snprintf(socket->broker, sizeof socket->broker, "%.*s", (int)len, host);
    socket->topic = topic + 1;
    return NULL;
}

static int32_t check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    const struct options *options = endpoint->options;
    struct socket scratch;
    const char *wrong = parse(&scratch, endpoint->url), *option = endpoint->listen ? "listen" : "dial";
    if (endpoint->listen)
        wrong = "a bridge is a client of its broker: dial = mqtt://...";
    if (!wrong && options->password && !options->user && (option = "password"))
        wrong = "needs a mqtt.user";
    if (!wrong && options->session && !options->client_id && (option = "session"))
        wrong = "kept needs a mqtt.client_id, by which the broker finds it again";
    if (wrong)
        host->blame(host->context, option, wrong);
    return wrong ? -EINVAL : 0;
}

/* ---- what libmosquitto calls, in the socket's thread ------------------------------------------------------------------- */

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
    const char *const *topic = socket->request.topics;
    for (; topic && *topic; topic++)
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

/* A send is over, unless it was already. */
static void finish(struct socket *socket, uint32_t index, int32_t status)
{
    pthread_mutex_lock(&socket->lock);
    struct leat_packet *packet = socket->sends[index].packet;
    socket->sends[index].packet = NULL;
    pthread_mutex_unlock(&socket->lock);
    if (packet && status == 0)
        free(packet->engine);
    if (packet)
        socket->request.sent(socket->request.context, index, status);
}

static void on_publish(struct mosquitto *client, void *of, int mid)
{
    struct socket *socket = of;
    uint32_t index = 0;
    (void)client;
    pthread_mutex_lock(&socket->lock); /* send() holds it until it knows the number */
    while (index < socket->request.depth && !(socket->sends[index].packet && socket->sends[index].mid == mid))
        index++;
    pthread_mutex_unlock(&socket->lock);
    if (index < socket->request.depth)
        finish(socket, index, 0);
}

/* ---- the thread ---------------------------------------------------------------------------------------------------- */

static void set_connected(struct socket *socket, bool connected)
{
    if (atomic_exchange(&socket->connected, connected) != connected)
        socket->request.peers(socket->request.context, connected);
}

/* There is no connection. What libmosquitto does not send again on the next one has failed. */
static void lost(struct socket *socket, int error)
{
    const char *why = error == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(error);
    char text[384];
    if (socket->refusal)
        why = socket->refusal;
    socket->accepted = false;
    set_connected(socket, false);
    for (uint32_t index = 0; socket->options->qos == 0 && index < socket->request.depth; index++)
        finish(socket, index, -ECONNRESET);
    snprintf(text, sizeof text, "broker %s:%d: %s; dialling again", socket->broker, socket->port, why);
    if (why != socket->told && !socket->stopping) /* constants */
        socket->host->log(socket->host->context, LEAT_LOG_WARNING, text);
    socket->told = why;
}

/* Half to the whole of it: a broker that is back does not get everybody at once. */
static void pause_for(struct socket *socket, int64_t ms)
{
    int64_t begin = socket->host->now_ns(socket->host->context), length = (ms - begin / 1000 % (ms / 2)) * 1000000;
    while (!socket->stopping && socket->host->now_ns(socket->host->context) - begin < length)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static void *run(void *of)
{
    struct socket *socket = of;
    int64_t pause = PAUSE_FIRST_MS;
    while (!socket->stopping) {
        socket->refusal = NULL;
        int error = mosquitto_connect(socket->client, socket->broker, socket->port,
                                      (int)(socket->options->keepalive_ns / 1000000000));
        while (error == MOSQ_ERR_SUCCESS && !socket->refusal && !socket->stopping) {
            error = mosquitto_loop(socket->client, TURN_MS, 1);
            if (error || !socket->accepted)
                continue;
            set_connected(socket, true); /* only now: what was left unacknowledged went first */
            pause = PAUSE_FIRST_MS;
            socket->told = NULL;
        }
        lost(socket, error);
        pause_for(socket, pause);
        pause = pause * 2 < PAUSE_LAST_MS ? pause * 2 : PAUSE_LAST_MS;
    }
    return NULL;
}

/* ---- the socket ---------------------------------------------------------------------------------------------------- */

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
    for (uint32_t index = 0; index < socket->request.depth; index++)
        finish(socket, index, -ECANCELED);
    for (; socket->handed < socket->submitted; socket->handed++)
        socket->request.received(socket->request.context,
                                 socket->receives[socket->handed % socket->request.depth].index, -ECANCELED);
    mosquitto_lib_cleanup();
    sem_destroy(&socket->posted);
    pthread_mutex_destroy(&socket->lock);
    free(socket->sends);
    free(socket->receives);
    free(socket);
}

static int32_t open_socket(void **out, const struct leat_host *host, const struct leat_socket_request *request)
{
    struct socket *socket = calloc(1, sizeof *socket);
    if (request->role != LEAT_ROLE_PUBLISHER && request->role != LEAT_ROLE_SUBSCRIBER) {
        host->log(host->context, LEAT_LOG_ERROR, "MQTT knows publishers and subscribers only: pattern = pubsub");
        free(socket);
        return -ENOTSUP;
    }
    if (!socket)
        return -ENOMEM;
    memcpy(&socket->request, request, request->size < sizeof *request ? request->size : sizeof *request);
    socket->host = host;
    socket->sends = calloc(request->depth, sizeof *socket->sends);
    socket->receives = calloc(request->depth, sizeof *socket->receives);
    sem_init(&socket->posted, 0, 0);
    pthread_mutex_init(&socket->lock, NULL);
    mosquitto_lib_init();
    *out = socket;
    if (socket->sends && socket->receives)
        return 0;
    socket->request.depth = 0;
    close_socket(socket);
    return -ENOMEM;
}

static uint64_t native(void *socket)
{
    return (uintptr_t)socket;
}

/* libmosquitto's settings, from the options. */
static int set_up(struct socket *socket, const char *url)
{
    const struct options *options = socket->options;
    int error = mosquitto_threaded_set(socket->client, true);
    if (!error && options->user)
        error = mosquitto_username_pw_set(socket->client, options->user, options->password);
    if (!error && strncmp(url, "mqtts:", 6) == 0)
        error = mosquitto_tls_set(socket->client, options->ca, options->ca ? NULL : "/etc/ssl/certs", NULL, NULL, NULL);
    mosquitto_connect_callback_set(socket->client, on_connect);
    mosquitto_subscribe_callback_set(socket->client, on_subscribe);
    mosquitto_message_callback_set(socket->client, on_message);
    mosquitto_publish_callback_set(socket->client, on_publish);
    return error;
}

static int32_t attach(uint64_t of, const struct leat_host *host, const struct leat_endpoint *endpoint, char *explain,
                      uint64_t explain_size)
{
    struct socket *socket = (struct socket *)(uintptr_t)of;
    const struct options *options = endpoint->options;
    const char *wrong = socket->client     ? "an mqtt bridge has one broker and one topic"
                        : endpoint->listen ? "a bridge is a client of its broker: it dials"
                                           : parse(socket, endpoint->url);
    (void)host;
    if (!wrong && socket->request.role == LEAT_ROLE_PUBLISHER && mosquitto_pub_topic_check(socket->topic))
        wrong = "# and + are for subscribers: a publisher names one topic";
    if (!wrong && !(socket->client = mosquitto_new(options->client_id, !options->session, socket)))
        wrong = "libmosquitto cannot make a client";
    socket->options = options;
    int error = wrong ? 0 : set_up(socket, endpoint->url);
    if (error)
        wrong = mosquitto_strerror(error);
    else if (!wrong && pthread_create(&socket->thread, NULL, run, socket) != 0)
        wrong = "no thread can be started";
    else if (!wrong)
        return 0;
    if (socket->client)
        mosquitto_destroy(socket->client);
    socket->client = NULL;
    snprintf(explain, explain_size, "%s", wrong);
    return -EINVAL;
}

static int32_t alloc(void *socket, struct leat_packet *packet, uint64_t len)
{
    (void)socket;
    void *body = malloc(len + 1);
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
    if (packet->len > PAYLOAD_MAX)
        return -EMSGSIZE;
    if (!socket->connected)
        return -ENOTCONN;
    const struct options *options = socket->options;
    pthread_mutex_lock(&socket->lock);
    slot->packet = packet;
    int error = mosquitto_publish(socket->client, &slot->mid, socket->topic, (int)packet->len, packet->data,
                                  (int)options->qos, options->retain);
    if (error == MOSQ_ERR_NO_CONN && options->qos > 0)
        error = 0; /* it lost the connection just now, and has kept the message for the next one */
    if (error)
        slot->packet = NULL;
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
    LEAT_OPTION_CHOICES(struct options, qos, "qos", "1", "0|1|2",
                        "Quality of service: 0 what a lost connection holds is lost, 1 nothing is, 2 nor comes twice."),
    LEAT_OPTION(struct options, retain, "retain", LEAT_OPTION_BOOL, "no",
                "Outward: the broker keeps the last message for subscribers to come."),
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
        "mqtt://BROKER[:PORT]/TOPIC and mqtts://..., to be dialled by a pubsub bridge. Outward each message is\n"
        "published under TOPIC and forwarded once the broker has acknowledged it (qos 1 and 2) or it is written (qos "
        "0);\n"
        "without a broker it is dropped as no_peer. Inward TOPIC is a filter (+ and #: quote the URL then).\n",
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .transport = &ops,
};
