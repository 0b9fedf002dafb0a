/* Requester: questions and surveys. Python's part of it (leat/_requests.py) makes iterators of these. */
#include "leat_python.h"

#include <stdlib.h>
#include <time.h>

PyTypeObject *requester_type;

#define ANSWER_DEFAULT (1 << 20)
#define ROOM_NAP_NS 1000000

struct requester {
    struct handle base;
    struct leat_requester *handle;
    PyObject *replies; /* the answers' channel */
    PyObject *directory;
    void *buffer;
    size_t size; /* of the buffer: the largest answer */
};

/* ---- answers' room ------------------------------------------------------------------------------------------------- */

/* Room for the largest answer that the channel takes. Pages that no answer touches cost nothing. */
static int make_room(struct requester *self)
{
    struct leat_channel_info info = {.size = sizeof info};
    const char *directory = self->directory != NULL ? PyBytes_AsString(self->directory) : NULL;
    PyObject *name = PyUnicode_AsUTF8String(self->replies);
    if (name == NULL)
        return -1;
    int rc = leat_channel_inspect(directory, PyBytes_AsString(name), &info, NULL, 0);
    Py_DECREF(name);
    size_t size = rc >= 0 ? info.max_message_bytes : ANSWER_DEFAULT;
    if (size <= self->size)
        return 0;
    void *buffer = realloc(self->buffer, size);
    if (buffer == NULL)
        return PyErr_NoMemory(), -1;
    self->buffer = buffer;
    self->size = size;
    return 0;
}

/* Closed meanwhile or not: the answer was taken, so it is handed out. */
static PyObject *answer_of(struct requester *self, const struct leat_message *answer)
{
    PyObject *data = PyBytes_FromStringAndSize(answer->data, (Py_ssize_t)answer->len);
    handle_back(&self->base);
    return data != NULL ? message_new(data, answer) : NULL;
}

/* An answer that is larger than our room: the channel has been made anew, and larger. There is room for the next one. */
static PyObject *too_big(struct requester *self)
{
    if (make_room(self) == 0)
        fail(LEAT_ETOOBIG, self->replies);
    return NULL;
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */

typedef int ask_function(struct leat_requester *, const void *, size_t, int64_t, uint64_t *);

/* Asks, waiting until end_ns for room. 0, or -1 with an exception. */
static int ask_until(struct requester *self, ask_function *ask, const struct bytes *question, int64_t limit_ns,
                     int64_t end_ns, uint64_t *tag)
{
    if (handle_check(&self->base) != 0)
        return -1;
    for (;;) {
        int rc = ask(self->handle, question->data, question->len, limit_ns, tag);
        if (rc != LEAT_EAGAIN)
            return rc == 0 ? 0 : fail_int(rc, self->base.name);
        if (slice_until(end_ns) == 0)
            return fail_int(LEAT_EAGAIN, self->base.name);
        struct timespec nap = {.tv_nsec = ROOM_NAP_NS};
        self->base.in_use = true;
        Py_BEGIN_ALLOW_THREADS nanosleep(&nap, NULL);
        Py_END_ALLOW_THREADS if (handle_go_on(&self->base) != 0) return -1;
    }
}

static PyObject *ask(PyObject *object, const struct signature *signature, ask_function *how, PyObject *const *args,
                     Py_ssize_t count, PyObject *keywords)
{
    struct requester *self = (struct requester *)object;
    PyObject *given[2];
    struct bytes question;
    int64_t limit_ns;
    uint64_t tag;
    if (take_arguments(signature, args, count, keywords, given) != 0 ||
        take_limit(given[1], signature->names[1], &limit_ns) != 0 || bytes_take(given[0], &question) != 0)
        return NULL;
    int rc = ask_until(self, how, &question, limit_ns, 0, &tag);
    bytes_drop(&question);
    return rc == 0 ? PyLong_FromUnsignedLongLong(tag) : NULL;
}

SIGNATURE(send_signature, "send", 2, "data", "limit");

static PyObject *send(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    return ask(self, &send_signature, leat_requester_send, args, count, keywords);
}

SIGNATURE(survey_signature, "survey", 2, "data", "deadline");

static PyObject *survey(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    return ask(self, &survey_signature, leat_survey, args, count, keywords);
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

#define EXCEPTION 1 /* where a code of libleat is returned: an exception is set */

/* The next answer to that survey, or with `tag` NULL to any question of send(), until end_ns: 0, and the answer lies in the buffer
 * until answer_of. A code of libleat, LEAT_EAGAIN when the time is over; or EXCEPTION. */
static int next_answer(struct requester *self, const uint64_t *tag, int64_t end_ns, struct leat_message *answer)
{
    for (;;) {
        int64_t slice_ns = slice_until(end_ns);
        int rc;
        self->base.in_use = true;
        Py_BEGIN_ALLOW_THREADS rc =
            tag != NULL ? leat_survey_next(self->handle, *tag, self->buffer, self->size, answer, slice_ns)
                        : leat_requester_receive(self->handle, self->buffer, self->size, answer, slice_ns);
        Py_END_ALLOW_THREADS if (rc == 0) return 0;
        if (handle_go_on(&self->base) != 0)
            return EXCEPTION;
        if (rc != LEAT_EAGAIN || slice_ns < SLICE_NS)
            return rc;
    }
}

SIGNATURE(survey_next_signature, "survey_next", 1, "tag", "timeout");

static PyObject *survey_next(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct requester *self = (struct requester *)object;
    struct leat_message answer;
    PyObject *given[2];
    int64_t timeout_ns;
    uint64_t tag;
    if (take_arguments(&survey_next_signature, args, count, keywords, given) != 0 ||
        take_u64(given[0], "tag", &tag) != 0 || take_timeout(given[1], &timeout_ns) != 0 ||
        handle_check(&self->base) != 0)
        return NULL;
    int rc = next_answer(self, &tag, end_of(timeout_ns), &answer);
    if (rc == 0)
        return answer_of(self, &answer);
    if (rc == LEAT_ETIMEDOUT)
        return Py_NewRef(Py_None);
    return rc == EXCEPTION ? NULL : rc == LEAT_ETOOBIG ? too_big(self) : fail(rc, self->replies);
}

/* A survey that ends with its first answer: unlike leat_request it is waited for in slices, so that signals are handled. */
static PyObject *ask_and_wait(struct requester *self, const struct bytes *question, int64_t limit_ns)
{
    struct leat_message answer;
    PyObject *message = NULL;
    int64_t end_ns = end_of(limit_ns);
    uint64_t tag;
    if (ask_until(self, leat_survey, question, limit_ns, end_ns, &tag) != 0)
        return NULL;
    int rc = next_answer(self, &tag, INT64_MAX, &answer);
    if (self->handle != NULL)
        leat_requester_forget(self->handle, tag);
    if (rc == 0)
        message = answer_of(self, &answer);
    else if (rc == LEAT_ETOOBIG)
        too_big(self);
    else if (rc != EXCEPTION)
        fail(rc, self->base.name);
    return message;
}

SIGNATURE(request_signature, "request", 2, "data", "timeout");

static PyObject *request(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct requester *self = (struct requester *)object;
    PyObject *given[2];
    struct bytes question;
    int64_t limit_ns;
    if (take_arguments(&request_signature, args, count, keywords, given) != 0 ||
        take_limit(given[1], "timeout", &limit_ns) != 0 || bytes_take(given[0], &question) != 0)
        return NULL;
    PyObject *answer = ask_and_wait(self, &question, limit_ns);
    bytes_drop(&question);
    return answer;
}

SIGNATURE(receive_signature, "receive", 0, "timeout");

static PyObject *receive(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct requester *self = (struct requester *)object;
    struct leat_message message;
    int64_t timeout_ns;
    PyObject *given;
    if (take_arguments(&receive_signature, args, count, keywords, &given) != 0 ||
        take_timeout(given, &timeout_ns) != 0 || handle_check(&self->base) != 0)
        return NULL;
    int rc = next_answer(self, NULL, end_of(timeout_ns), &message);
    if (rc == 0)
        return answer_of(self, &message);
    if (rc == LEAT_EAGAIN)
        return Py_NewRef(Py_None);
    if (rc == LEAT_ETOOBIG)
        too_big(self);
    else if (rc != EXCEPTION)
        fail(rc, self->base.name);
    if (rc == LEAT_ETOOBIG || rc == LEAT_ETIMEDOUT)
        tell("tag", message.tag);
    return NULL;
}

static PyObject *forget(PyObject *object, PyObject *argument)
{
    struct requester *self = (struct requester *)object;
    uint64_t tag;
    if (take_u64(argument, "tag", &tag) != 0 || handle_check(&self->base) != 0)
        return NULL;
    leat_requester_forget(self->handle, tag);
    return Py_NewRef(Py_None);
}

/* ---- opening and closing ------------------------------------------------------------------------------------------- */

static int open_requester(struct requester *self, const char *replies, const struct channel_arguments *channel,
                          bool create)
{
    struct leat_channel_options options;
    struct leat_requester *handle = NULL;
    PyObject *requests = PyUnicode_AsUTF8String(self->base.name);
    int rc = -1;
    self->replies = PyUnicode_FromString(replies);
    if (requests == NULL || self->replies == NULL ||
        take_channel(channel, PyBytes_AsString(requests), &options, &self->directory) != 0) {
        Py_XDECREF(requests);
        return -1;
    }
    options.flags |= create ? 0 : LEAT_OPEN_EXISTING;
    const char *name = PyBytes_AsString(requests);
    Py_BEGIN_ALLOW_THREADS rc = leat_requester_open(&handle, name, replies, &options);
    Py_END_ALLOW_THREADS Py_DECREF(requests);
    if (rc != 0)
        return fail_opening(rc, self->base.name), -1; /* the sentence is this thread's */
    self->handle = handle;
    handle_opened(&self->base);
    return make_room(self);
}

static void close_now(struct handle *handle)
{
    struct requester *self = (struct requester *)handle;
    leat_requester_close(self->handle);
    self->handle = NULL;
}

static PyObject *construct(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"requests", "replies", "create", CHANNEL_KEYWORDS, NULL};
    struct channel_arguments channel = {0};
    const char *requests, *replies;
    int create = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "ss|$p" CHANNEL_FORMAT ":Requester", names, &requests, &replies,
                                     &create, CHANNEL_TARGETS(&channel)))
        return NULL;
    struct requester *self = handle_new(type, requests, "requester", close_now);
    if (self == NULL || open_requester(self, replies, &channel, create != 0) == 0)
        return (PyObject *)self;
    Py_DECREF((PyObject *)self);
    return NULL;
}

static void dealloc(PyObject *object)
{
    struct requester *self = (struct requester *)object;
    handle_close_now(&self->base);
    free(self->buffer);
    Py_CLEAR(self->replies);
    Py_CLEAR(self->directory);
    handle_free(&self->base);
}

/* ---- the type ------------------------------------------------------------------------------------------------------ */

static PyObject *get_ignored(PyObject *object, void *unused)
{
    (void)unused;
    struct requester *self = (struct requester *)object;
    return handle_check(&self->base) == 0 ? PyLong_FromUnsignedLongLong(leat_requester_ignored(self->handle)) : NULL;
}

static PyGetSetDef getters[] = {
    HANDLE_GETTERS,
    {"ignored", get_ignored, NULL, PyDoc_STR("int: answers for no open question: late, doubled, or somebody else's."),
     NULL},
    {0},
};

static PyMethodDef methods[] = {
    {"request", FAST(request), FASTCALL,
     PyDoc_STR(
         "request($self, data, timeout)\n--\n\nAsks and waits for the answer, a Message. Raises TimedOut when none "
         "came "
         "within\n"
         "`timeout` seconds (there always is a limit), TooBig when the question is larger than the channel takes.")},
    {"send", FAST(send), FASTCALL,
     PyDoc_STR(
         "send($self, data, limit)\n--\n\nAsks and does not wait: the question's tag. Its answer is waited for `limit` "
         "seconds.")},
    {"receive", FAST(receive), FASTCALL,
     PyDoc_STR(
         "receive($self, timeout=None)\n--\n\nThe next answer to a question of send(): a Message with the question's "
         "tag. None when\n"
         "nothing happened within `timeout` seconds, or no question is open. Raises TimedOut for a question "
         "whose limit\n"
         "has passed: the error's `tag` says which.")},
    {"_survey", FAST(survey), FASTCALL, PyDoc_STR("_survey($self, data, deadline)\n--\n\nAsks everybody: the tag.")},
    {"_survey_next", FAST(survey_next), FASTCALL,
     PyDoc_STR("_survey_next($self, tag, timeout=None)\n--\n\nThe next answer, or None when the deadline has passed.")},
    {"forget", forget, METH_O,
     PyDoc_STR("forget($self, tag, /)\n--\n\nGives a question up: what comes for it later is not seen.")},
    {"close", handle_close, METH_NOARGS,
     PyDoc_STR("close($self)\n--\n\nCloses both channels, which stay. Harmless when closed.")},
    {"__enter__", handle_enter, METH_NOARGS, NULL},
    {"__exit__", FAST(handle_leave), METH_FASTCALL, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "See leat.Requester."},
    {Py_tp_new, construct},
    {Py_tp_dealloc, dealloc},
    {Py_tp_repr, handle_repr},
    {Py_tp_getset, getters},
    {Py_tp_methods, methods},
    {0},
};

static PyType_Spec spec = {
    .name = "leat._leat.Requester",
    .basicsize = sizeof(struct requester),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int requester_init(PyObject *module)
{
    requester_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return requester_type == NULL ? -1 : PyModule_AddType(module, requester_type);
}
