/* Waiting without the GIL: for one reader or for many. */
#include "leat_python.h"

PyTypeObject *waiter_type;

struct waiter {
    PyObject object;
    uint32_t bell;
};

#define FEW 16

static void mark(struct reader *const *readers, size_t count, uint32_t *doorbell)
{
    for (size_t i = 0; i < count; i++) {
        readers[i]->base.in_use = doorbell != NULL;
        readers[i]->base.doorbell = doorbell;
    }
}

/* By another thread, which leaves the closing to us, or by a signal handler, which has done it. */
static bool any_is_closed(struct reader *const *readers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (readers[i]->base.closing || !readers[i]->base.open)
            return true;
    return false;
}

/* By a thread that a signal's handler let run. Its call has them now: an exception is set. */
static bool any_is_taken(struct reader *const *readers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (readers[i]->base.open && handle_check(&readers[i]->base) != 0)
            return true;
    return false;
}

/* The part with libleat's handles, which stay open: a close meanwhile only asks for it. */
static int wait_for_handles(struct reader *const *readers, struct leat_reader *const *handles, size_t count,
                            uint32_t *doorbell, int64_t end_ns)
{
    for (;;) {
        int64_t slice_ns = slice_until(end_ns);
        int rc;
        mark(readers, count, doorbell);
        Py_BEGIN_ALLOW_THREADS rc = leat_wait(handles, count, doorbell, slice_ns);
        Py_END_ALLOW_THREADS mark(readers, count, NULL);
        if (rc >= 0 || any_is_closed(readers, count))
            return 1;
        if (PyErr_CheckSignals() != 0 || any_is_taken(readers, count))
            return -1;
        if (rc == -EINTR || any_is_closed(readers, count))
            return 1; /* rung, or a handler ran that may have changed anything: the caller looks again */
        if (rc != LEAT_ETIMEDOUT && rc != LEAT_EAGAIN)
            return fail_int(rc, NULL);
        if (slice_ns < SLICE_NS)
            return 0;
    }
}

int wait_for_readers(struct reader *const *readers, size_t count, uint32_t *doorbell, int64_t end_ns)
{
    struct leat_reader *few[FEW], **handles = few;
    if (count > FEW && (handles = PyMem_Malloc(count * sizeof *handles)) == NULL)
        return PyErr_NoMemory(), -1;
    for (size_t i = 0; i < count; i++)
        handles[i] = readers[i]->handle;
    int rc = wait_for_handles(readers, handles, count, doorbell, end_ns);
    if (handles != few)
        PyMem_Free(handles);
    return rc;
}

/* ---- many ---------------------------------------------------------------------------------------------------------- */

/* Strong references to the Reader objects of `sequence`, each usable and there once. */
static struct reader **collect(PyObject *sequence, size_t *count)
{
    PyObject *tuple = PySequence_Tuple(sequence);
    if (tuple == NULL)
        return NULL;
    Py_ssize_t size = PyTuple_Size(tuple), taken = 0;
    struct reader **readers = PyMem_Calloc((size_t)size + 1, sizeof *readers);
    for (; readers != NULL && taken < size; taken++) {
        PyObject *item = PyTuple_GetItem(tuple, taken);
        if (!PyObject_TypeCheck(item, reader_type)) {
            PyErr_SetString(PyExc_TypeError, "what can be waited for are Reader objects");
            break;
        }
        if (handle_check((struct handle *)item) != 0)
            break;
        readers[taken] = (struct reader *)Py_NewRef(item);
    }
    Py_DECREF(tuple);
    *count = (size_t)taken;
    if (readers != NULL && taken == size)
        return readers;
    if (readers == NULL)
        PyErr_NoMemory();
    while (readers != NULL && taken > 0)
        Py_DECREF(readers[--taken]);
    PyMem_Free(readers);
    return NULL;
}

static bool is_ready(struct reader *reader)
{
    handle_back(&reader->base);
    return handle_check(&reader->base) != 0 || leat_wait(&reader->handle, 1, NULL, 0) != LEAT_EAGAIN;
}

static PyObject *ready_of(struct reader *const *readers, size_t count)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < count; i++)
        if (is_ready(readers[i]) && PyList_Append(list, (PyObject *)readers[i]) != 0)
            Py_CLEAR(list);
    return list;
}

static PyObject *wait_for_collected(struct reader *const *readers, size_t count, uint32_t *doorbell, int64_t timeout_ns)
{
    int rc = wait_for_readers(readers, count, doorbell, end_of(timeout_ns));
    if (rc < 0)
        return NULL;
    PyObject *list = ready_of(readers, count);
    PyErr_Clear(); /* of closed readers: they are ready to say so themselves */
    return list != NULL ? list : PyErr_NoMemory();
}

SIGNATURE(wait_signature, "wait", 1, "readers", "timeout");

static PyObject *wait(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct waiter *self = (struct waiter *)object;
    PyObject *given[2];
    int64_t timeout_ns;
    size_t size;
    if (take_arguments(&wait_signature, args, count, keywords, given) != 0 || take_timeout(given[1], &timeout_ns) != 0)
        return NULL;
    struct reader **readers = collect(given[0], &size);
    if (readers == NULL)
        return NULL;
    PyObject *ready = wait_for_collected(readers, size, &self->bell, timeout_ns);
    for (size_t i = 0; i < size; i++)
        Py_DECREF(readers[i]);
    PyMem_Free(readers);
    return ready;
}

static PyObject *wake(PyObject *self, PyObject *unused)
{
    (void)unused;
    leat_wake(&((struct waiter *)self)->bell);
    return Py_NewRef(Py_None);
}

static PyObject *construct(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, ":Waiter", names))
        return NULL;
    struct waiter *self = PyObject_New(struct waiter, type);
    if (self != NULL)
        self->bell = 0;
    return (PyObject *)self;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"wait", FAST(wait), FASTCALL,
     PyDoc_STR(
         "wait($self, readers, timeout=None)\n--\n\nWaits until one of the readers need not wait (a message is there, "
         "or its channel was\n"
         "removed, or it was closed), or until wake(), or `timeout` seconds. A list of those that need not; "
         "nothing is taken.\n"
         "Meanwhile the readers are in use by this call.")},
    {"wake", wake, METH_NOARGS,
     PyDoc_STR("wake($self)\n--\n\nEnds the wait() that is going on, or the next one. Any thread.")},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Waits for many readers at once; another thread can end the wait."},
    {Py_tp_new, construct},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {0},
};

static PyType_Spec spec = {
    .name = "leat.Waiter",
    .basicsize = sizeof(struct waiter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int waiter_init(PyObject *module)
{
    waiter_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return waiter_type == NULL ? -1 : PyModule_AddType(module, waiter_type);
}
