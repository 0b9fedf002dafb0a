/* Writer: publishes into one channel, by copy or in place. */
#include "leat_python.h"

PyTypeObject *writer_type;

#define BATCH 128
#define UNLOCKED_BATCH 65536 /* bytes */

/* ---- publishing ---------------------------------------------------------------------------------------------------- */

/* A prefix of the messages, as leat_publish_burst. */
static int attempt(struct writer *self, const struct leat_outgoing_bytes *messages, size_t count, bool unlocked,
                   int64_t slice_ns)
{
    int rc;
    if (!unlocked)
        return leat_publish_burst(self->handle, messages, count, 0);
    self->base.in_use = true;
    Py_BEGIN_ALLOW_THREADS rc = leat_publish_burst(self->handle, messages, count, slice_ns);
    Py_END_ALLOW_THREADS handle_back(&self->base);
    return rc;
}

/* How long a call's next attempt may take: *slice_ns. -1 with an exception: no longer. *end_ns is 0 the first time. */
static int allow_more(struct writer *self, int64_t timeout_ns, int64_t *end_ns, int64_t *slice_ns)
{
    if (handle_go_on(&self->base) != 0)
        return -1;
    if (timeout_ns == 0)
        return fail_int(LEAT_EAGAIN, self->base.name);
    if (*end_ns == 0)
        *end_ns = end_of(timeout_ns);
    *slice_ns = slice_until(*end_ns);
    return *slice_ns > 0 ? 0 : fail_int(LEAT_ETIMEDOUT, self->base.name);
}

/* All of them, in order. Returns how many were published: fewer than `count` when an exception is set. */
static size_t publish_all(struct writer *self, const struct leat_outgoing_bytes *messages, size_t count, size_t bytes,
                          int64_t timeout_ns, int64_t *end_ns)
{
    bool unlocked = bytes >= UNLOCKED_BATCH;
    int64_t slice_ns = 0;
    size_t done = 0;
    if (handle_check(&self->base) != 0)
        return 0;
    for (;; unlocked = true) {
        int rc = attempt(self, messages + done, count - done, unlocked, slice_ns);
        if (rc > 0)
            done += (size_t)rc;
        if (done == count)
            return done;
        if (rc < 0 && rc != LEAT_EAGAIN && rc != LEAT_ETIMEDOUT)
            return fail(rc, self->base.name), done;
        if (allow_more(self, timeout_ns, end_ns, &slice_ns) != 0)
            return done;
    }
}

SIGNATURE(publish_signature, "publish", 1, "data", "tag", "timeout");

static PyObject *publish(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct writer *self = (struct writer *)object;
    PyObject *given[3];
    int64_t timeout_ns, end_ns = 0;
    uint64_t tag = 0;
    struct bytes bytes;
    if (take_arguments(&publish_signature, args, count, keywords, given) != 0 || take_u64(given[1], "tag", &tag) != 0 ||
        take_timeout(given[2], &timeout_ns) != 0 || bytes_take(given[0], &bytes) != 0)
        return NULL;
    struct leat_outgoing_bytes message = {bytes.data, bytes.len, tag};
    size_t done = publish_all(self, &message, 1, bytes.len, timeout_ns, &end_ns);
    bytes_drop(&bytes);
    return done == 1 ? Py_NewRef(Py_None) : NULL;
}

/* ---- many ---------------------------------------------------------------------------------------------------------- */

struct batch {
    struct leat_outgoing_bytes messages[BATCH];
    struct bytes bytes[BATCH];
    size_t count, total;
};

static void batch_drop(struct batch *batch)
{
    while (batch->count > 0)
        bytes_drop(&batch->bytes[--batch->count]);
}

/* Adds one message; its tag is tags[number], or the same for all. */
static int batch_add(struct batch *batch, PyObject *data, PyObject *tags, Py_ssize_t number, uint64_t tag)
{
    struct bytes *bytes = &batch->bytes[batch->count];
    if (tags != NULL && take_u64(PyTuple_GetItem(tags, number), "tag", &tag) != 0)
        return -1;
    if (bytes_take(data, bytes) != 0)
        return -1;
    batch->messages[batch->count++] = (struct leat_outgoing_bytes){bytes->data, bytes->len, tag};
    batch->total += bytes->len;
    return 0;
}

/* Fills the batch from number `first` on. -1 with an exception. */
static int batch_fill(struct batch *batch, PyObject *data, PyObject *tags, Py_ssize_t first, uint64_t tag)
{
    Py_ssize_t size = PyTuple_Size(data);
    batch->count = batch->total = 0;
    for (Py_ssize_t number = first; number < size && batch->count < BATCH; number++)
        if (batch_add(batch, PyTuple_GetItem(data, number), tags, number, tag) != 0)
            return -1;
    return 0;
}

/* Returns how many were published: fewer than the tuple holds when an exception is set. */
static size_t publish_tuple(struct writer *self, PyObject *data, PyObject *tags, uint64_t tag, int64_t timeout_ns)
{
    size_t size = (size_t)PyTuple_Size(data), done = 0;
    int64_t end_ns = 0;
    struct batch batch;
    bool whole = true;
    while (done < size && whole) {
        size_t published = 0;
        whole = batch_fill(&batch, data, tags, (Py_ssize_t)done, tag) == 0;
        if (whole)
            published = publish_all(self, batch.messages, batch.count, batch.total, timeout_ns, &end_ns);
        whole = whole && published == batch.count;
        done += published;
        batch_drop(&batch);
    }
    return done;
}

/* A tuple of as many tags as there are messages in *tags, or one tag for all in *tag. */
static int take_tags(PyObject *argument, Py_ssize_t size, PyObject **tags, uint64_t *tag)
{
    *tags = NULL;
    *tag = 0;
    if (argument == NULL || PyLong_Check(argument))
        return take_u64(argument, "tags", tag);
    *tags = PySequence_Tuple(argument);
    if (*tags == NULL)
        return -1;
    if (PyTuple_Size(*tags) == size)
        return 0;
    PyErr_Format(PyExc_ValueError, "there are %zd tags for %zd messages", PyTuple_Size(*tags), size);
    Py_CLEAR(*tags);
    return -1;
}

SIGNATURE(publish_many_signature, "publish_many", 1, "messages", "tags", "timeout");

static PyObject *publish_many(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct writer *self = (struct writer *)object;
    PyObject *given[3], *tags;
    int64_t timeout_ns;
    uint64_t tag;
    if (take_arguments(&publish_many_signature, args, count, keywords, given) != 0 ||
        take_timeout(given[2], &timeout_ns) != 0 || handle_check(&self->base) != 0)
        return NULL;
    PyObject *data = PySequence_Tuple(given[0]); /* holds every message, whatever becomes of the list meanwhile */
    if (data == NULL)
        return NULL;
    size_t size = (size_t)PyTuple_Size(data), done = 0;
    int rc = take_tags(given[1], (Py_ssize_t)size, &tags, &tag);
    if (rc == 0)
        done = publish_tuple(self, data, tags, tag, timeout_ns);
    if (rc == 0 && done < size)
        tell("published", done);
    Py_DECREF(data);
    Py_XDECREF(tags);
    return rc == 0 && done == size ? PyLong_FromSize_t(done) : NULL;
}

/* ---- in place ------------------------------------------------------------------------------------------------------ */

/* 0 and *data, or -1 with an exception. */
static int claim_until(struct writer *self, size_t len, int64_t timeout_ns, void **data)
{
    int64_t end_ns = 0, slice_ns = 0;
    int rc = leat_claim(self->handle, len, data, 0);
    while (rc == LEAT_EAGAIN || rc == LEAT_ETIMEDOUT) {
        if (allow_more(self, timeout_ns, &end_ns, &slice_ns) != 0)
            return -1;
        self->base.in_use = true;
        Py_BEGIN_ALLOW_THREADS rc = leat_claim(self->handle, len, data, slice_ns);
        Py_END_ALLOW_THREADS handle_back(&self->base); /* a close gives the claim back */
        if (handle_check(&self->base) != 0)
            return -1;
    }
    return rc == 0 ? 0 : fail_int(rc, self->base.name);
}

SIGNATURE(claim_signature, "claim", 1, "size", "tag", "timeout");

static PyObject *claim(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct writer *self = (struct writer *)object;
    PyObject *given[3];
    int64_t timeout_ns;
    uint64_t len, tag = 0;
    void *data;
    if (take_arguments(&claim_signature, args, count, keywords, given) != 0 || take_u64(given[0], "size", &len) != 0 ||
        take_u64(given[1], "tag", &tag) != 0 || take_timeout(given[2], &timeout_ns) != 0)
        return NULL;
    if (handle_check(&self->base) != 0 || claim_until(self, len, timeout_ns, &data) != 0)
        return NULL;
    self->base.in_use = true; /* making an object may run finalizers: whatever they do, the handle stays */
    PyObject *claimed = claim_new(self, data, len, tag);
    if (claimed == NULL)
        leat_abort(self->handle);
    handle_back(&self->base);
    return claimed;
}

/* ---- opening and closing ------------------------------------------------------------------------------------------- */

static int open_writer(struct writer *self, const char *name, const struct channel_arguments *channel, bool create)
{
    struct leat_channel_options options;
    struct leat_writer *handle = NULL;
    PyObject *directory;
    int rc;
    if (take_channel(channel, name, &options, &directory) != 0)
        return -1;
    if (!create)
        options.flags |= LEAT_OPEN_EXISTING;
    Py_BEGIN_ALLOW_THREADS rc = leat_writer_open(&handle, name, &options);
    Py_END_ALLOW_THREADS Py_XDECREF(directory);
    if (rc != 0)
        return fail_opening(rc, self->base.name), -1; /* the sentence is this thread's */
    self->handle = handle;
    handle_opened(&self->base);
    return 0;
}

static void close_now(struct handle *handle)
{
    struct writer *self = (struct writer *)handle;
    if (self->claim != NULL)
        claim_give_up(self->claim);
    leat_writer_close(self->handle);
    self->handle = NULL;
}

static PyObject *construct(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "create", CHANNEL_KEYWORDS, NULL};
    struct channel_arguments channel = {0};
    const char *name;
    int create = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|$p" CHANNEL_FORMAT ":Writer", names, &name, &create,
                                     CHANNEL_TARGETS(&channel)))
        return NULL;
    struct writer *self = handle_new(type, name, "writer", close_now);
    if (self == NULL || open_writer(self, name, &channel, create != 0) == 0)
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

static PyObject *get_max_message(PyObject *object, void *unused)
{
    (void)unused;
    struct writer *self = (struct writer *)object;
    return handle_check(&self->base) == 0 ? PyLong_FromSize_t(leat_writer_max_message(self->handle)) : NULL;
}

static PyObject *get_origin(PyObject *object, void *unused)
{
    (void)unused;
    struct writer *self = (struct writer *)object;
    return handle_check(&self->base) == 0 ? PyLong_FromUnsignedLong(leat_writer_origin(self->handle)) : NULL;
}

static PyGetSetDef getters[] = {
    HANDLE_GETTERS,
    {"max_message", get_max_message, NULL, PyDoc_STR("int: bytes in the largest message that this channel takes."),
     NULL},
    {"origin", get_origin, NULL, PyDoc_STR("int: which writer this is in Message.origin."), NULL},
    {0},
};

static PyMethodDef methods[] = {
    {"publish", FAST(publish), FASTCALL,
     PyDoc_STR(
         "publish($self, data, tag=0, timeout=None)\n--\n\nPublishes one message: a copy of `data`, any contiguous "
         "buffer. Under the\n"
         "block policy it waits for room up to `timeout` seconds (None: for ever); then raises TimedOut. Raises "
         "TooBig\n"
         "and Closed. When it raises, nothing was published.")},
    {"publish_many", FAST(publish_many), FASTCALL,
     PyDoc_STR(
         "publish_many($self, messages, tags=0, timeout=None)\n--\n\nPublishes many buffers in order, in bursts: one "
         "clock "
         "reading and one\n"
         "wake-up each. `tags` is one int for all, or as many as there are messages. Returns how many: all. When it\n"
         "raises, the error's `published` says how many were.")},
    {"claim", FAST(claim), FASTCALL,
     PyDoc_STR(
         "claim($self, size, tag=0, timeout=None)\n--\n\nReserves `size` bytes in shared memory: a Claim, for a with "
         "statement that\n"
         "publishes at its end. One at a time (Busy). Waits and raises as publish().")},
    {"close", handle_close, METH_NOARGS,
     PyDoc_STR(
         "close($self)\n--\n\nLeaves the channel, which stays. An open claim is given back. Any thread. Harmless when "
         "closed.")},
    {"__enter__", handle_enter, METH_NOARGS, NULL},
    {"__exit__", FAST(handle_leave), METH_FASTCALL, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "See leat.Writer."},
    {Py_tp_new, construct},
    {Py_tp_dealloc, dealloc},
    {Py_tp_repr, handle_repr},
    {Py_tp_getset, getters},
    {Py_tp_methods, methods},
    {0},
};

static PyType_Spec spec = {
    .name = "leat._leat.Writer",
    .basicsize = sizeof(struct writer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int writer_init(PyObject *module)
{
    writer_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return writer_type == NULL ? -1 : PyModule_AddType(module, writer_type);
}
