/* Reader: messages of one channel, copied into objects or lent in place. */
#include "leat_python.h"

#include <string.h>

PyTypeObject *reader_type;

#define LAPS_MAX 16 /* copies that a writer overtook, before others get the GIL */
#define MANY_MAX (1 << 20)

/* ---- taking -------------------------------------------------------------------------------------------------------- */

/* A bytes object with the lent bytes; large ones are copied while others run. */
static PyObject *copy_out(struct reader *self, const struct leat_message *from)
{
    if (from->len < UNLOCKED_COPY)
        return PyBytes_FromStringAndSize(from->data, (Py_ssize_t)from->len);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)from->len);
    if (bytes == NULL)
        return NULL;
    char *to = PyBytes_AsString(bytes);
    self->base.in_use = true;
    Py_BEGIN_ALLOW_THREADS memcpy(to, from->data, from->len);
    Py_END_ALLOW_THREADS self->base.in_use = false;
    return bytes;
}

/* 1 with *message; 0: there is none now; a code of libleat; -ENOMEM when an exception is set. The handle is open. */
static int take(struct reader *self, PyObject **message)
{
    for (int laps = 0; laps < LAPS_MAX; laps++) {
        struct leat_message from;
        int rc = leat_borrow(self->handle, &from, 0);
        if (rc != 0)
            return rc == LEAT_EAGAIN ? 0 : rc;
        PyObject *data = copy_out(self, &from);
        *message = data != NULL ? message_new(data, &from) : NULL;
        rc = leat_release(self->handle);
        if (*message == NULL)
            return -ENOMEM;
        if (rc == 0)
            return 1;
        Py_DECREF(*message); /* a writer overtook us: the next one says how many are lost */
    }
    return 0;
}

/* Until there may be a message. 1, 0 when the time is over, -1 with an exception. *end_ns is 0 in a call's first wait. */
static int wait_for_one(struct reader *self, int64_t timeout_ns, int64_t *end_ns)
{
    if (timeout_ns == 0)
        return 0;
    if (*end_ns == 0)
        *end_ns = end_of(timeout_ns);
    int rc = wait_for_readers(&self, 1, &self->bell, *end_ns);
    if (rc != 1)
        return rc;
    handle_back(&self->base);
    return handle_check(&self->base) == 0 ? 1 : -1;
}

/* 1 with *message; 0 when the time is over; -1 with an exception. */
static int take_until(struct reader *self, int64_t timeout_ns, PyObject **message)
{
    int64_t end_ns = 0;
    if (handle_check(&self->base) != 0)
        return -1;
    for (;;) {
        int rc = take(self, message);
        if (self->base.closing)
            handle_close_now(&self->base);
        if (rc < 0)
            return PyErr_Occurred() ? -1 : fail_int(rc, self->base.name);
        if (rc == 1)
            return 1;
        rc = wait_for_one(self, timeout_ns, &end_ns);
        if (rc <= 0)
            return rc;
    }
}

static PyObject *too_late(struct reader *self, int64_t timeout_ns)
{
    return fail(timeout_ns == 0 ? LEAT_EAGAIN : LEAT_ETIMEDOUT, self->base.name);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

SIGNATURE(read_signature, "read", 0, "timeout");

static PyObject *reader_read(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct reader *self = (struct reader *)object;
    PyObject *given, *message;
    int64_t timeout_ns;
    if (take_arguments(&read_signature, args, count, keywords, &given) != 0 || take_timeout(given, &timeout_ns) != 0)
        return NULL;
    int rc = take_until(self, timeout_ns, &message);
    return rc == 1 ? message : rc == 0 ? too_late(self, timeout_ns) : NULL;
}

static PyObject *try_read(PyObject *object, PyObject *unused)
{
    (void)unused;
    PyObject *message;
    int rc = take_until((struct reader *)object, 0, &message);
    return rc == 1 ? message : rc == 0 ? Py_NewRef(Py_None) : NULL;
}

/* Appends what is there, up to `most`. What was taken is handed out; what is wrong comes up again with the next call. */
static int take_rest(struct reader *self, PyObject *list, int64_t most)
{
    PyObject *message;
    for (int rc = 1; rc == 1 && most > 0 && self->base.open && !self->base.closing; most--) {
        rc = take(self, &message);
        if (rc != 1)
            break;
        rc = PyList_Append(list, message) == 0;
        Py_DECREF(message);
    }
    if (self->base.closing)
        handle_close_now(&self->base);
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *list_of(struct reader *self, PyObject *first, int64_t most)
{
    PyObject *list = PyList_New(1);
    if (list == NULL) {
        Py_DECREF(first);
        return NULL;
    }
    PyList_SetItem(list, 0, first);
    if (take_rest(self, list, most - 1) == 0)
        return list;
    Py_DECREF(list);
    return NULL;
}

SIGNATURE(read_many_signature, "read_many", 1, "most", "timeout");

static PyObject *read_many(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct reader *self = (struct reader *)object;
    PyObject *given[2], *first;
    int64_t timeout_ns;
    uint64_t most;
    if (take_arguments(&read_many_signature, args, count, keywords, given) != 0 ||
        take_u64(given[0], "most", &most) != 0 || take_timeout(given[1], &timeout_ns) != 0)
        return NULL;
    int rc = most == 0 ? handle_check(&self->base) : take_until(self, timeout_ns, &first);
    if (rc <= 0)
        return rc == 0 ? PyList_New(0) : NULL;
    return list_of(self, first, most < MANY_MAX ? (int64_t)most : MANY_MAX);
}

static PyObject *next(PyObject *object)
{
    struct reader *self = (struct reader *)object;
    PyObject *message;
    if (handle_check(&self->base) != 0)
        return NULL;
    if (take_until(self, LEAT_FOREVER, &message) == 1)
        return message;
    bool removed = fails_as(LEAT_ECLOSED), closed = !self->base.open && PyErr_ExceptionMatches(PyExc_ValueError);
    if (removed || closed)
        PyErr_Clear(); /* nothing will ever come: the end */
    return NULL;
}

/* As take_until, in place. */
static int borrow_until(struct reader *self, int64_t timeout_ns, struct leat_message *message)
{
    int64_t end_ns = 0;
    if (handle_check(&self->base) != 0)
        return -1;
    for (;;) {
        int rc = leat_borrow(self->handle, message, 0);
        if (rc == 0)
            return 1;
        if (rc != LEAT_EAGAIN)
            return fail_int(rc, self->base.name);
        rc = wait_for_one(self, timeout_ns, &end_ns);
        if (rc <= 0)
            return rc;
    }
}

SIGNATURE(borrow_signature, "borrow", 0, "timeout");

static PyObject *borrow(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct reader *self = (struct reader *)object;
    struct leat_message message;
    int64_t timeout_ns;
    PyObject *given;
    if (take_arguments(&borrow_signature, args, count, keywords, &given) != 0 || take_timeout(given, &timeout_ns) != 0)
        return NULL;
    int rc = borrow_until(self, timeout_ns, &message);
    if (rc <= 0)
        return rc == 0 ? too_late(self, timeout_ns) : NULL;
    self->base.in_use = true; /* making an object may run finalizers: whatever they do, the handle stays */
    PyObject *loan = loan_new(self, &message);
    if (loan == NULL)
        leat_release(self->handle);
    handle_back(&self->base);
    return loan;
}

static PyObject *acknowledge(PyObject *object, PyObject *message)
{
    struct reader *self = (struct reader *)object;
    uint64_t cursor, sequence;
    bool usable = self->base.open && !self->base.closing && handle_is_ours(&self->base);
    if (!usable && handle_check(&self->base) != 0)
        return NULL;
    if (message_place(message, &cursor, &sequence) != 0)
        return NULL;
    leat_reader_acknowledge(self->handle, cursor, sequence); /* the one call that may come while another waits */
    return Py_NewRef(Py_None);
}

static PyObject *stats(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct reader *self = (struct reader *)object;
    struct leat_reader_counts counts;
    if (handle_check(&self->base) != 0)
        return NULL;
    leat_reader_stats(self->handle, &counts);
    return Py_BuildValue("{sKsKsKsK}", "messages", (unsigned long long)counts.messages, "bytes",
                         (unsigned long long)counts.bytes, "lost", (unsigned long long)counts.lost, "sleeps",
                         (unsigned long long)counts.sleeps);
}

/* ---- opening and closing ------------------------------------------------------------------------------------------- */

struct reading_arguments {
    const char *start, *durable;
    PyObject *hold, *spin;
    int manual_ack, create;
};

static int take_start(const char *word, uint32_t *start)
{
    *start = word != NULL && strcmp(word, "next") == 0 ? LEAT_FROM_NEXT : LEAT_FROM_OLDEST;
    if (word == NULL || strcmp(word, "next") == 0 || strcmp(word, "oldest") == 0)
        return 0;
    PyErr_Format(PyExc_ValueError, "'start' is 'oldest' or 'next', not '%s'", word);
    return -1;
}

static int take_reading(const struct reading_arguments *arguments, struct leat_reader_options *how)
{
    *how = (struct leat_reader_options)LEAT_READER_OPTIONS_INIT;
    int64_t hold_ns = 0, spin_ns = how->spin_us * INT64_C(1000);
    if (take_start(arguments->start, &how->start) != 0)
        return -1;
    if (arguments->hold != NULL && take_timeout(arguments->hold, &hold_ns) != 0)
        return -1;
    if (arguments->spin != NULL && take_timeout(arguments->spin, &spin_ns) != 0)
        return -1;
    how->name = arguments->durable;
    how->hold_ns = hold_ns == LEAT_FOREVER ? UINT64_MAX : (uint64_t)hold_ns;
    how->manual_ack = arguments->manual_ack != 0;
    how->spin_us = spin_ns < 0 || spin_ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(spin_ns / 1000);
    return 0;
}

static int open_reader(struct reader *self, const char *name, const struct channel_arguments *channel,
                       const struct reading_arguments *reading)
{
    struct leat_channel_options options;
    struct leat_reader_options how;
    struct leat_reader *handle = NULL;
    PyObject *directory;
    int rc;
    if (take_reading(reading, &how) != 0 || take_channel(channel, name, &options, &directory) != 0)
        return -1;
    if (reading->create)
        options.flags |= LEAT_OPEN_CREATE;
    Py_BEGIN_ALLOW_THREADS rc = leat_reader_open(&handle, name, &options, &how);
    Py_END_ALLOW_THREADS Py_XDECREF(directory);
    if (rc != 0)
        return fail_opening(rc, self->base.name), -1; /* the sentence is this thread's */
    self->handle = handle;
    handle_opened(&self->base);
    return 0;
}

static void close_now(struct handle *handle)
{
    struct reader *self = (struct reader *)handle;
    if (self->loan != NULL)
        loan_give_back(self->loan);
    leat_reader_close(self->handle);
    self->handle = NULL;
}

static PyObject *construct(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "start", "durable", "hold", "manual_ack", "spin", "create", CHANNEL_KEYWORDS, NULL};
    struct channel_arguments channel = {0};
    struct reading_arguments reading = {0};
    const char *name;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|$zzOpOp" CHANNEL_FORMAT ":Reader", names, &name, &reading.start,
                                     &reading.durable, &reading.hold, &reading.manual_ack, &reading.spin,
                                     &reading.create, CHANNEL_TARGETS(&channel)))
        return NULL;
    struct reader *self = handle_new(type, name, "reader", close_now);
    if (self == NULL || open_reader(self, name, &channel, &reading) == 0)
        return (PyObject *)self;
    Py_DECREF((PyObject *)self);
    return NULL;
}

static void dealloc(PyObject *self)
{
    handle_close_now((struct handle *)self);
    handle_free((struct handle *)self);
}

/* ---- the type ------------------------------------------------------------------------------------------------------ */

static PyGetSetDef getters[] = {HANDLE_GETTERS, {0}};

static PyMethodDef methods[] = {
    {"read", FAST(reader_read), FASTCALL,
     PyDoc_STR(
         "read($self, timeout=None)\n--\n\nThe next message, as a copy that is whole. Waits up to `timeout` seconds "
         "(None: "
         "for ever);\n"
         "then raises TimedOut. Raises Closed when the channel was removed, Corrupt when shared memory holds what no\n"
         "correct writer writes (it was skipped: read on).")},
    {"try_read", try_read, METH_NOARGS,
     PyDoc_STR("try_read($self)\n--\n\nThe next message, or None when there is none right now. Does not wait.")},
    {"read_many", FAST(read_many), FASTCALL,
     PyDoc_STR(
         "read_many($self, most, timeout=None)\n--\n\nA list of up to `most` messages: waits for the first as read() "
         "does, then\n"
         "takes what is there. Empty when the time is over.")},
    {"borrow", FAST(borrow), FASTCALL,
     PyDoc_STR("borrow($self, timeout=None)\n--\n\nThe next message as it lies in shared memory: a Loan, for a with "
               "statement. One at a\n"
               "time (Busy). Waits as read().")},
    {"acknowledge", acknowledge, METH_O,
     PyDoc_STR(
         "acknowledge($self, message, /)\n--\n\nMoves a manual_ack reader's position past this Message or Loan and all "
         "before it.\n"
         "Any thread.")},
    {"stats", stats, METH_NOARGS,
     PyDoc_STR("stats($self)\n--\n\nA dict: messages, bytes, lost and sleeps since this reader was opened.")},
    {"close", handle_close, METH_NOARGS,
     PyDoc_STR(
         "close($self)\n--\n\nLeaves the channel; a durable position stays. Any thread: a call that waits elsewhere "
         "ends. An open\n"
         "loan is given back; its memory stays mapped as long as arrays look at it. Harmless when closed.")},
    {"__enter__", handle_enter, METH_NOARGS, NULL},
    {"__exit__", FAST(handle_leave), METH_FASTCALL, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "See leat.Reader."}, {Py_tp_new, construct},          {Py_tp_dealloc, dealloc},
    {Py_tp_repr, handle_repr},       {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, next},
    {Py_tp_getset, getters},         {Py_tp_methods, methods},        {0},
};

static PyType_Spec spec = {
    .name = "leat._leat.Reader",
    .basicsize = sizeof(struct reader),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int reader_init(PyObject *module)
{
    reader_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return reader_type == NULL ? -1 : PyModule_AddType(module, reader_type);
}
