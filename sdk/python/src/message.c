/* Message: the bytes, and what the channel knows about them. */
#include "leat_python.h"

#include <stddef.h>

PyTypeObject *message_type;

struct message {
    PyObject object;
    PyObject *data;
    unsigned long long sequence, time_ns, tag, lost, cursor;
    unsigned int origin;
};

PyObject *message_new(PyObject *data, const struct leat_message *from)
{
    struct message *message = PyObject_New(struct message, message_type);
    if (message == NULL) {
        Py_DECREF(data);
        return NULL;
    }
    message->data = data;
    message->sequence = from->sequence;
    message->time_ns = from->time_ns;
    message->tag = from->tag;
    message->lost = from->lost;
    message->cursor = from->cursor;
    message->origin = from->origin;
    return (PyObject *)message;
}

int message_place(PyObject *object, uint64_t *cursor, uint64_t *sequence)
{
    if (PyObject_TypeCheck(object, message_type)) {
        *cursor = ((struct message *)object)->cursor;
        *sequence = ((struct message *)object)->sequence;
        return 0;
    }
    if (PyObject_TypeCheck(object, loan_type)) {
        *cursor = ((struct loan *)object)->message.cursor;
        *sequence = ((struct loan *)object)->message.sequence;
        return 0;
    }
    PyErr_SetString(PyExc_TypeError, "a Message or a Loan is what can be acknowledged");
    return -1;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(((struct message *)self)->data);
    PyObject_Free(self);
    Py_DECREF(type);
}

static Py_ssize_t length(PyObject *self)
{
    return PyBytes_Size(((struct message *)self)->data);
}

static int getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    PyObject *data = ((struct message *)self)->data;
    return PyBuffer_FillInfo(view, self, PyBytes_AsString(data), PyBytes_Size(data), 1, flags);
}

static PyObject *to_bytes(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *data = ((struct message *)self)->data;
    Py_INCREF(data);
    return data;
}

static PyObject *get_time(PyObject *self, void *unused)
{
    (void)unused;
    return PyFloat_FromDouble((double)((struct message *)self)->time_ns * 1e-9);
}

static PyObject *repr(PyObject *self)
{
    struct message *message = (struct message *)self;
    return PyUnicode_FromFormat("<leat.Message %llu: %zd bytes, tag %llu%s>", message->sequence,
                                PyBytes_Size(message->data), message->tag, message->lost > 0 ? ", after a loss" : "");
}

#define MEMBER(name, type, doc)                                                           \
    {                                                                                     \
#name, type, (Py_ssize_t)offsetof(struct message, name), READONLY, PyDoc_STR(doc) \
    }
static PyMemberDef members[] = {
    MEMBER(data, T_OBJECT_EX, "bytes: the payload, this object's own copy."),
    MEMBER(sequence, T_ULONGLONG, "int: the number of the message in its channel, from 0."),
    MEMBER(time_ns, T_ULONGLONG, "int: when it was published, nanoseconds since 1970 (CLOCK_REALTIME)."),
    MEMBER(tag, T_ULONGLONG, "int: 64 bits of the application's."),
    MEMBER(lost, T_ULONGLONG, "int: messages that were overwritten between this one and the one before it."),
    MEMBER(cursor, T_ULONGLONG, "int: the place behind it, for Reader.acknowledge."),
    MEMBER(origin, T_UINT, "int: which writer it came from, 0 for the first."),
    {0},
};

static PyGetSetDef getters[] = {
    {"time", get_time, NULL, PyDoc_STR("float: when it was published, seconds since 1970."), NULL},
    {0},
};

static PyMethodDef methods[] = {
    {"__bytes__", to_bytes, METH_NOARGS, PyDoc_STR("The payload.")},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A message that was read: data and what the channel knows about it. Immutable. len(), bytes() and\n"
                "memoryview() of it are those of its data."},
    {Py_tp_dealloc, dealloc},
    {Py_tp_repr, repr},
    {Py_tp_members, members},
    {Py_tp_getset, getters},
    {Py_tp_methods, methods},
    {Py_mp_length, length},
    {Py_bf_getbuffer, getbuffer},
    {0},
};

static PyType_Spec spec = {
    .name = "leat.Message",
    .basicsize = sizeof(struct message),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int message_init(PyObject *module)
{
    message_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return message_type == NULL ? -1 : PyModule_AddType(module, message_type);
}
