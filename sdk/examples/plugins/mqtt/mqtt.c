/* mqtt: leat's publishers and subscribers at an MQTT broker, through libmosquitto. Each socket has a client and a thread that
 * runs it. A send is complete once the broker has acknowledged it, and while no receive is posted the thread waits: what the
 * bridge does not take stays with the broker. */
#include <leat/plugin/transport.h>

#include <mosquitto.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_MS 100 /* the longest that a stop waits for the thread */

struct options {
    const char *user, *password, *client_id;
};

/* What was submitted and is not completed, in order: the lane pushes, the thread pops. */
struct queue {
    struct slot {
        uint32_t index;
        struct leat_packet *packet;
    } * slots;
    _Atomic uint64_t pushed, popped;
};

struct socket {
    struct leat_socket_request request;
    const struct leat_host *host;
    struct mosquitto *client; /* NULL until attached */
    char broker[256];
    const char *topic;
    int port;
    pthread_t thread;
    _Atomic bool connected, stopping;
    bool running, accepted;     /* the thread; we by the broker, subscription and all */
    const char *refusal, *told; /* why the broker does not; why there was no connection last time */
    sem_t posted;               /* receives that wait for a message */
    struct queue sends, receives;
};

static struct slot pop(struct socket *socket, struct queue *queue)
{
    return queue->slots[queue->popped++ % socket->request.depth];
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

static void on_connect(struct mosquitto *client, void *of, int refused)
{
    struct socket *socket = of;
    socket->refusal = refused ? mosquitto_connack_string(refused) : NULL;
    socket->accepted = !refused && socket->request.role == LEAT_ROLE_PUBLISHER;
    if (!refused && !socket->accepted)
        mosquitto_subscribe(client, NULL, socket->topic, 1);
}

static void on_subscribe(struct mosquitto *client, void *of, int mid, int count, const int *granted)
{
    struct socket *socket = of;
    (void)client, (void)mid, (void)count;
    socket->accepted = granted[0] < 0x80; /* from there on: refused */
    socket->refusal = socket->accepted ? NULL : "it does not let us subscribe to this topic";
}

static void on_message(struct mosquitto *client, void *of, const struct mosquitto_message *message)
{
    struct socket *socket = of;
    (void)client;
    while (sem_wait(&socket->posted) != 0) /* a signal */
        continue;
    if (socket->stopping)
        return;
    struct slot slot = pop(socket, &socket->receives);
    int32_t status = alloc(socket, slot.packet, (uint64_t)message->payloadlen);
    if (status == 0 && message->payloadlen)
        memcpy(slot.packet->data, message->payload, slot.packet->len);
    socket->request.received(socket->request.context, slot.index, status);
}

/* A broker acknowledges in the order in which we publish (MQTT 3.1.1, section 4.6), also what it gets a second time. */
static void on_publish(struct mosquitto *client, void *of, int mid)
{
    struct socket *socket = of;
    struct slot slot = pop(socket, &socket->sends);
    (void)client, (void)mid;
    drop(socket, slot.packet);
    socket->request.sent(socket->request.context, slot.index, 0);
}

/* One connection, from its first byte to its last; why it ended. What is under way then libmosquitto sends again on the next one. */
static const char *converse(struct socket *socket)
{
    int error = mosquitto_connect(socket->client, socket->broker, socket->port, 60);
    socket->refusal = NULL;
    socket->accepted = false;
    while (error == MOSQ_ERR_SUCCESS && !socket->refusal && !socket->stopping) {
        error = mosquitto_loop(socket->client, TURN_MS, 1);
        if (error || !socket->accepted || socket->connected)
            continue;
        socket->connected = true; /* only now: what was left unacknowledged went first */
        socket->request.peers(socket->request.context, 1);
    }
    return socket->refusal ? socket->refusal : error == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(error);
}

static void *run(void *of)
{
    struct socket *socket = of;
    while (!socket->stopping) {
        const char *why = converse(socket);
        if (why != socket->told && !socket->stopping) { /* constants */
            char text[512];
            snprintf(text, sizeof text, "broker %s:%d: %s; dialling again", socket->broker, socket->port, why);
            socket->host->log(socket->host->context, LEAT_LOG_WARNING, text);
        }
        socket->told = socket->connected ? NULL : why;
        socket->connected = false;
        socket->request.peers(socket->request.context, 0);
        usleep(socket->stopping ? 0 : 150000 + (useconds_t)random() % 300000); /* a broker does not get all at once */
    }
    return NULL;
}

static int32_t open_socket(void **out, const struct leat_host *host, const struct leat_socket_request *request)
{
    const char *chosen = request->topics ? request->topics[0] : NULL;
    if (request->role < LEAT_ROLE_PUBLISHER || request->role > LEAT_ROLE_SUBSCRIBER || (chosen && *chosen)) {
        host->log(host->context, LEAT_LOG_ERROR,
                  "MQTT carries pattern = pubsub only, and the topic stands in the URL: no pubsub.topics, no prefix");
        return -ENOTSUP;
    }
    struct socket *socket = calloc(1, sizeof *socket + 2 * request->depth * sizeof(struct slot));
    if (!socket)
        return -ENOMEM;
    memcpy(&socket->request, request, request->size < sizeof *request ? request->size : sizeof *request);
    socket->host = host;
    socket->sends.slots = (struct slot *)(socket + 1);
    socket->receives.slots = socket->sends.slots + request->depth;
    sem_init(&socket->posted, 0, 0);
    mosquitto_lib_init();
    *out = socket;
    return 0;
}

static void close_socket(void *of)
{
    struct socket *socket = of;
    socket->stopping = true;
    if (socket->running) {
        mosquitto_disconnect(socket->client); /* first: what on_message() then does not hand over is not acknowledged */
        sem_post(&socket->posted);
        pthread_join(socket->thread, NULL);
    }
    mosquitto_destroy(socket->client);
    while (socket->sends.popped < socket->sends.pushed)
        socket->request.sent(socket->request.context, pop(socket, &socket->sends).index, -ECANCELED);
    while (socket->receives.popped < socket->receives.pushed)
        socket->request.received(socket->request.context, pop(socket, &socket->receives).index, -ECANCELED);
    mosquitto_lib_cleanup();
    sem_destroy(&socket->posted);
    free(socket);
}

static uint64_t native(void *socket)
{
    return (uintptr_t)socket;
}

/* mqtt://BROKER[:PORT]/TOPIC. NULL, or what is wrong. */
static const char *parse(struct socket *socket, const struct leat_endpoint *endpoint)
{
    const char *broker = strstr(endpoint->url, "://") + 3, *slash = strchr(broker, '/');
    int end = 0, publishes = socket->request.role == LEAT_ROLE_PUBLISHER;
    socket->port = strncmp(endpoint->url, "mqtts:", 6) == 0 ? 8883 : 1883;
    if (endpoint->listen || socket->client)
        return "a bridge is a client of one broker: a single dial = mqtt://...";
    if (!slash || slash[1] == '\0' || (publishes ? mosquitto_pub_topic_check : mosquitto_sub_topic_check)(slash + 1))
        return "a topic must follow the broker, as in mqtt://broker:1883/site7/quotes; + and # are for subscribers";
    if (sscanf(broker, "%255[^:/@]%n:%5d%n", socket->broker, &end, &socket->port, &end) < 1 || broker + end != slash ||
        socket->port < 1 || socket->port > 65535)
        return "expected mqtt://BROKER:PORT/TOPIC; name and password stand in mqtt.user and mqtt.password";
    socket->topic = slash + 1;
    return NULL;
}

static int32_t check(const struct leat_host *host, const struct leat_endpoint *endpoint)
{
    const char *wrong = parse(&(struct socket){.client = NULL}, endpoint);
    if (wrong)
        host->blame(host->context, endpoint->listen ? "listen" : "dial", wrong);
    return wrong ? -EINVAL : 0;
}

/* Makes the client and its thread. NULL, or what is wrong. */
static const char *start(struct socket *socket, const struct options *options, bool tls)
{
    socket->client = mosquitto_new(options->client_id, !options->client_id, socket);
    if (!socket->client)
        return strerror(errno);
    mosquitto_connect_callback_set(socket->client, on_connect);
    mosquitto_subscribe_callback_set(socket->client, on_subscribe);
    mosquitto_message_callback_set(socket->client, on_message);
    mosquitto_publish_callback_set(socket->client, on_publish);
    mosquitto_threaded_set(socket->client, true);
    mosquitto_int_option(socket->client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_max_inflight_messages_set(socket->client, socket->request.depth); /* what queues would be overtaken */
    int error = mosquitto_username_pw_set(socket->client, options->user, options->password);
    if (!error && tls)
        error = mosquitto_tls_set(socket->client, NULL, "/etc/ssl/certs", NULL, NULL, NULL);
    socket->running = !error && pthread_create(&socket->thread, NULL, run, socket) == 0;
    return socket->running ? NULL : mosquitto_strerror(error ? error : MOSQ_ERR_NOMEM);
}

static int32_t attach(uint64_t of, const struct leat_host *host, const struct leat_endpoint *endpoint, char *explain,
                      uint64_t explain_size)
{
    struct socket *socket = (struct socket *)(uintptr_t)of;
    const char *wrong = parse(socket, endpoint);
    (void)host;
    if (!wrong)
        wrong = start(socket, endpoint->options, strncmp(endpoint->url, "mqtts:", 6) == 0);
    snprintf(explain, explain_size, "%s", wrong ? wrong : "");
    return wrong ? -EINVAL : 0;
}

static int32_t send_packet(void *of, uint32_t index, struct leat_packet *packet)
{
    struct socket *socket = of;
    if (packet->len > 268435455 || !socket->connected) /* the longest of MQTT */
        return packet->len > 268435455 ? -EMSGSIZE : -ENOTCONN;
    /* First: the thread may have the acknowledgement before we are back. */
    socket->sends.slots[socket->sends.pushed++ % socket->request.depth] = (struct slot){index, packet};
    int error = mosquitto_publish(socket->client, NULL, socket->topic, (int)packet->len, packet->data, 1, false);
    if (error == MOSQ_ERR_SUCCESS || error == MOSQ_ERR_NO_CONN) /* just lost: it is kept for the next connection */
        return 0;
    socket->sends.pushed--;
    return error == MOSQ_ERR_NOMEM ? -ENOMEM : -EIO;
}

static int32_t receive(void *of, uint32_t index, struct leat_packet *packet)
{
    struct socket *socket = of;
    socket->receives.slots[socket->receives.pushed++ % socket->request.depth] = (struct slot){index, packet};
    sem_post(&socket->posted);
    return 0;
}

static const struct leat_option rows[] = {
    LEAT_OPTION(struct options, user, "user", LEAT_OPTION_TEXT, NULL, "Name at the broker."),
    LEAT_OPTION_FULL(struct options, password, "password", LEAT_OPTION_TEXT, LEAT_OPTION_SECRET, NULL, 0, 0, NULL,
                     "Password at the broker."),
    LEAT_OPTION(struct options, client_id, "client_id", LEAT_OPTION_TEXT, NULL, "By it the broker keeps our place."),
};

static const struct leat_transport_ops ops = {
    .size = sizeof(struct leat_transport_ops),
    .schemes = "mqtt|mqtts",
    .family = "mqtt/1",
    .open = open_socket,
    .native = native,
    .check = check,
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
    .reference = "Dial mqtt://BROKER[:PORT]/TOPIC or mqtts://... with pubsub; inward TOPIC is a filter.\n",
    .licence = "MIT",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .transport = &ops,
};
