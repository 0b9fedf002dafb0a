/* Loan: a message as it lies in the ring, until its release. */
#include "leat_python.h"

#include <stddef.h>

PyTypeObject *loan_type;

PyObject *loan_new(struct reader *reader, const struct leat_message *message)
{
    struct loan *loan = PyObject_GC_New(struct loan, loan_type);
    if (loan == NULL)
        return NULL;
    /* The ring is only read through it: a Python object knows no pointers to const. */
    void *data = (void *)(uintptr_t)message->data;
    lent_fill(&loan->lent, (PyObject *)reader, leat_reader_keep(reader->handle), data, message->len, true);
    loan->message = *message;
    reader->loan = loan;
    PyObject_GC_Track((PyObject *)loan);
    return (PyObject *)loan;
}

int loan_give_back(struct loan *loan)
{
    struct reader *reader = (struct reader *)loan->lent.owner;
    if (!loan->lent.open)
        return 0;
    reader->loan = NULL;
    lent_end(&loan->lent);
    return handle_is_ours(&reader->base) && reader->handle != NULL ? leat_release(reader->handle) : 0;
}

static PyObject *release(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct reader *reader = (struct reader *)((struct loan *)self)->lent.owner;
    int code = loan_give_back((struct loan *)self);
    return code < 0 ? fail(code, reader->base.name) : Py_NewRef(Py_None);
}

static PyObject *leave(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (count == 0 || args[0] == Py_None)
        return release(self, NULL);
    loan_give_back((struct loan *)self); /* the exception on its way says more */
    return Py_NewRef(Py_None);
}

static void dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    loan_give_back((struct loan *)self);
    lent_free((struct lent *)self);
}

static Py_ssize_t length(PyObject *self)
{
    return (Py_ssize_t)((struct loan *)self)->lent.len;
}

static PyObject *get_time(PyObject *self, void *unused)
{
    (void)unused;
    return PyFloat_FromDouble((double)((struct loan *)self)->message.time_ns * 1e-9);
}

#define MEMBER(name, type, doc)                                                                \
    {                                                                                          \
#name, type, (Py_ssize_t)offsetof(struct loan, message.name), READONLY, PyDoc_STR(doc) \
    }
static PyMemberDef members[] = {
    MEMBER(sequence, T_ULONGLONG, "int: the number of the message in its channel, from 0."),
    MEMBER(time_ns, T_ULONGLONG, "int: when it was published, nanoseconds since 1970 (CLOCK_REALTIME)."),
    MEMBER(tag, T_ULONGLONG, "int: 64 bits of the application's."),
    MEMBER(lost, T_ULONGLONG, "int: messages that were overwritten between this one and the one before it."),
    MEMBER(cursor, T_ULONGLONG, "int: the place behind it, for Reader.acknowledge."),
    MEMBER(origin, T_UINT, "int: which writer it came from, 0 for the first."),
    {0},
};

static PyGetSetDef getters[] = {
    {"data", lent_data, NULL, PyDoc_STR("memoryview: the payload in shared memory, read-only. Released with the loan."),
     NULL},
    {"time", get_time, NULL, PyDoc_STR("float: when it was published, seconds since 1970."), NULL},
    {0},
};

static PyMethodDef methods[] = {
    {"release", release, METH_NOARGS,
     PyDoc_STR("release($self)\n--\n\nGives the message back. Raises Lapped when it was overwritten while it was lent: "
               "what was\n"
               "computed from it does not count, and it is counted in the next message's `lost`. Harmless when done "
               "before.")},
    {"__enter__", itself, METH_NOARGS, NULL},
    {"__exit__", FAST(leave), METH_FASTCALL, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "A message as it lies in shared memory: no copy. Use it in a with statement, or call release(). It is a buffer:\n"
     "memoryview(loan) or numpy.frombuffer(loan, dtype) look into the channel itself.\n\n"
     "An array that outlives the loan is safe to touch, also when the reader is closed: its memory stays mapped. What "
     "it\n"
     "shows may change from then on. Under the overwrite policy it may change before: release() tells."},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, lent_traverse},
    {Py_tp_clear, lent_clear},
    {Py_tp_members, members},
    {Py_tp_getset, getters},
    {Py_tp_methods, methods},
    {Py_mp_length, length},
    {Py_bf_getbuffer, lent_getbuffer},
    {0},
};

static PyType_Spec spec = {
    .name = "leat.Loan",
    .basicsize = sizeof(struct loan),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int loan_init(PyObject *module)
{
    loan_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return loan_type == NULL ? -1 : PyModule_AddType(module, loan_type);
}
