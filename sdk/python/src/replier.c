/* Replier: reads questions and answers them. */
#include "leat_python.h"

#include <stdlib.h>

PyTypeObject *replier_type;

#define ROOM_AT_FIRST 65536

struct replier {
    struct handle base;
    struct leat_replier *handle;
    PyObject *replies; /* the answers' channel */
    void *buffer;
    size_t size;
};

/* ---- questions ----------------------------------------------------------------------------------------------------- */

static int grow(struct replier *self, size_t size)
{
    void *buffer = realloc(self->buffer, size);
    if (buffer == NULL)
        return PyErr_NoMemory(), -1;
    self->buffer = buffer;
    self->size = size;
    return 0;
}

#define EXCEPTION 1 /* where a code of libleat is returned: an exception is set */

/* 0, and the question lies in the buffer until question_of; a code of libleat; or EXCEPTION. */
static int next_until(struct replier *self, int64_t end_ns, struct leat_message *question)
{
    for (;;) {
        int64_t slice_ns = slice_until(end_ns);
        int rc;
        self->base.in_use = true;
        Py_BEGIN_ALLOW_THREADS rc = leat_replier_next(self->handle, self->buffer, self->size, question, slice_ns);
        Py_END_ALLOW_THREADS if (rc == 0) return 0;
        if (handle_go_on(&self->base) != 0)
            return EXCEPTION;
        bool late = rc == LEAT_EAGAIN || rc == LEAT_ETIMEDOUT;
        if (rc == LEAT_ETOOBIG) {
            if (grow(self, question->len) != 0)
                return EXCEPTION;
        } else if (!late || slice_ns < SLICE_NS) {
            return rc;
        }
    }
}

/* Closed meanwhile or not: the question was taken, so it is handed out. */
static PyObject *question_of(struct replier *self, const struct leat_message *question)
{
    PyObject *data = PyBytes_FromStringAndSize(question->data, (Py_ssize_t)question->len);
    handle_back(&self->base);
    return data != NULL ? message_new(data, question) : NULL;
}

SIGNATURE(next_signature, "next", 0, "timeout");

static PyObject *next(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct replier *self = (struct replier *)object;
    struct leat_message question;
    int64_t timeout_ns;
    PyObject *given;
    if (take_arguments(&next_signature, args, count, keywords, &given) != 0 || take_timeout(given, &timeout_ns) != 0 ||
        handle_check(&self->base) != 0)
        return NULL;
    int rc = next_until(self, end_of(timeout_ns), &question);
    return rc == 0 ? question_of(self, &question) : rc == EXCEPTION ? NULL : fail(rc, self->base.name);
}

static PyObject *iterate(PyObject *object)
{
    struct replier *self = (struct replier *)object;
    struct leat_message question;
    if (handle_check(&self->base) != 0)
        return NULL;
    int rc = next_until(self, INT64_MAX, &question);
    if (rc == 0)
        return question_of(self, &question);
    if (rc != EXCEPTION)
        return fail(rc, self->base.name);
    if (!self->base.open && PyErr_ExceptionMatches(PyExc_ValueError))
        PyErr_Clear(); /* another thread has closed it: the end */
    return NULL;
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

/* 0, or -1 with an exception. */
static int reply_until(struct replier *self, uint64_t tag, const struct bytes *answer, int64_t timeout_ns)
{
    int64_t end_ns = end_of(timeout_ns);
    if (handle_check(&self->base) != 0)
        return -1;
    for (int64_t slice_ns = 0;; slice_ns = slice_until(end_ns)) {
        int rc;
        self->base.in_use = true;
        Py_BEGIN_ALLOW_THREADS rc = leat_reply(self->handle, tag, answer->data, answer->len, slice_ns);
        Py_END_ALLOW_THREADS if (rc == 0) return handle_back(&self->base), 0;
        if (handle_go_on(&self->base) != 0)
            return -1;
        if ((rc != LEAT_EAGAIN && rc != LEAT_ETIMEDOUT) || slice_until(end_ns) == 0)
            return fail_int(rc, self->replies);
    }
}

static int take_question(PyObject *argument, uint64_t *tag)
{
    if (PyLong_Check(argument))
        return take_u64(argument, "question", tag);
    if (!PyObject_TypeCheck(argument, message_type)) {
        PyErr_SetString(PyExc_TypeError, "'question' is the Message to be answered, or its tag");
        return -1;
    }
    PyObject *number = PyObject_GetAttrString(argument, "tag");
    int rc = number != NULL ? take_u64(number, "tag", tag) : -1;
    Py_XDECREF(number);
    return rc;
}

SIGNATURE(reply_signature, "reply", 2, "question", "data", "timeout");

static PyObject *reply(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct replier *self = (struct replier *)object;
    PyObject *given[3];
    struct bytes answer;
    int64_t timeout_ns;
    uint64_t tag;
    if (take_arguments(&reply_signature, args, count, keywords, given) != 0 || take_question(given[0], &tag) != 0 ||
        take_timeout(given[2], &timeout_ns) != 0 || bytes_take(given[1], &answer) != 0)
        return NULL;
    int rc = reply_until(self, tag, &answer, timeout_ns);
    bytes_drop(&answer);
    return rc == 0 ? Py_NewRef(Py_None) : NULL;
}

/* ---- opening and closing ------------------------------------------------------------------------------------------- */

static int open_replier(struct replier *self, const char *requests, const char *replies,
                        const struct channel_arguments *channel, bool create)
{
    struct leat_channel_options options;
    struct leat_replier *handle = NULL;
    PyObject *directory;
    int rc;
    self->replies = PyUnicode_FromString(replies);
    if (self->replies == NULL || grow(self, ROOM_AT_FIRST) != 0 ||
        take_channel(channel, requests, &options, &directory) != 0)
        return -1;
    if (!create)
        options.flags |= LEAT_OPEN_EXISTING;
    Py_BEGIN_ALLOW_THREADS rc = leat_replier_open(&handle, requests, replies, &options);
    Py_END_ALLOW_THREADS Py_XDECREF(directory);
    if (rc != 0)
        return fail_opening(rc, self->base.name), -1; /* the sentence is this thread's */
    self->handle = handle;
    handle_opened(&self->base);
    return 0;
}

static void close_now(struct handle *handle)
{
    struct replier *self = (struct replier *)handle;
    leat_replier_close(self->handle);
    self->handle = NULL;
}

static PyObject *construct(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"requests", "replies", "create", CHANNEL_KEYWORDS, NULL};
    struct channel_arguments channel = {0};
    const char *requests, *replies;
    int create = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "ss|$p" CHANNEL_FORMAT ":Replier", names, &requests, &replies,
                                     &create, CHANNEL_TARGETS(&channel)))
        return NULL;
    struct replier *self = handle_new(type, requests, "replier", close_now);
    if (self == NULL || open_replier(self, requests, replies, &channel, create != 0) == 0)
        return (PyObject *)self;
    Py_DECREF((PyObject *)self);
    return NULL;
}

static void dealloc(PyObject *object)
{
    struct replier *self = (struct replier *)object;
    handle_close_now(&self->base);
    free(self->buffer);
    Py_CLEAR(self->replies);
    handle_free(&self->base);
}

/* ---- the type ------------------------------------------------------------------------------------------------------ */

static PyGetSetDef getters[] = {HANDLE_GETTERS, {0}};

static PyMethodDef methods[] = {
    {"next", FAST(next), FASTCALL,
     PyDoc_STR("next($self, timeout=None)\n--\n\nThe next question, a Message: keep it, or its tag, for reply(). "
               "Raises TimedOut.")},
    {"reply", FAST(reply), FASTCALL,
     PyDoc_STR("reply($self, question, data, timeout=None)\n--\n\nAnswers a question: a Message of next(), or its tag. "
               "In any "
               "order; a survey\n"
               "may be answered more than once. Raises as Writer.publish.")},
    {"close", handle_close, METH_NOARGS,
     PyDoc_STR("close($self)\n--\n\nCloses both channels, which stay. Harmless when closed.")},
    {"__enter__", handle_enter, METH_NOARGS, NULL},
    {"__exit__", FAST(handle_leave), METH_FASTCALL, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "See leat.Replier."}, {Py_tp_new, construct},          {Py_tp_dealloc, dealloc},
    {Py_tp_repr, handle_repr},        {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, iterate},
    {Py_tp_getset, getters},          {Py_tp_methods, methods},        {0},
};

static PyType_Spec spec = {
    .name = "leat._leat.Replier",
    .basicsize = sizeof(struct replier),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int replier_init(PyObject *module)
{
    replier_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return replier_type == NULL ? -1 : PyModule_AddType(module, replier_type);
}
