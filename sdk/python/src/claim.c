/* Claim: a message that is made where it will be read. */
#include "leat_python.h"

#include <stddef.h>

PyTypeObject *claim_type;

PyObject *claim_new(struct writer *writer, void *data, size_t len, uint64_t tag)
{
    struct claim *claim = PyObject_GC_New(struct claim, claim_type);
    if (claim == NULL)
        return NULL;
    lent_fill(&claim->lent, (PyObject *)writer, leat_writer_keep(writer->handle), data, len, false);
    claim->tag = tag;
    claim->size = len;
    writer->claim = claim;
    PyObject_GC_Track((PyObject *)claim);
    return (PyObject *)claim;
}

static struct writer *writer_of(struct claim *claim)
{
    return (struct writer *)claim->lent.owner;
}

static void end(struct claim *claim)
{
    writer_of(claim)->claim = NULL;
    lent_end(&claim->lent);
}

void claim_give_up(struct claim *claim)
{
    if (!claim->lent.open)
        return;
    struct writer *writer = writer_of(claim);
    end(claim);
    if (writer->handle != NULL && handle_is_ours(&writer->base))
        leat_abort(writer->handle);
}

static PyObject *publish(struct claim *claim)
{
    struct writer *writer = writer_of(claim);
    if (!claim->lent.open) {
        PyErr_SetString(PyExc_ValueError, "the claim is over");
        return NULL;
    }
    if (handle_check(&writer->base) != 0)
        return NULL;
    end(claim);
    int code = leat_commit(writer->handle, claim->size, claim->tag);
    return code < 0 ? fail(code, writer->base.name) : Py_NewRef(Py_None);
}

static int set_size(struct claim *claim, PyObject *argument)
{
    uint64_t size = claim->size;
    if (argument == NULL || argument == Py_None)
        return 0;
    if (take_u64(argument, "size", &size) != 0)
        return -1;
    if (size > claim->lent.len) {
        PyErr_Format(PyExc_ValueError, "%llu bytes are more than the %zu that were claimed", (unsigned long long)size,
                     claim->lent.len);
        return -1;
    }
    claim->size = size;
    return 0;
}

SIGNATURE(commit_signature, "commit", 0, "size", "tag");

static PyObject *commit(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    struct claim *claim = (struct claim *)self;
    PyObject *given[2];
    if (take_arguments(&commit_signature, args, count, keywords, given) != 0 || set_size(claim, given[0]) != 0)
        return NULL;
    if (given[1] != NULL && given[1] != Py_None && take_u64(given[1], "tag", &claim->tag) != 0)
        return NULL;
    return publish(claim);
}

static PyObject *abandon(PyObject *self, PyObject *unused)
{
    (void)unused;
    claim_give_up((struct claim *)self);
    return Py_NewRef(Py_None);
}

static PyObject *leave(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct claim *claim = (struct claim *)self;
    if (!claim->lent.open)
        return Py_NewRef(Py_None);
    return count == 0 || args[0] == Py_None ? publish(claim) : abandon(self, NULL);
}

static void dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    claim_give_up((struct claim *)self);
    lent_free((struct lent *)self);
}

static Py_ssize_t length(PyObject *self)
{
    return (Py_ssize_t)((struct claim *)self)->lent.len;
}

static PyObject *get_size(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(((struct claim *)self)->size);
}

static int put_size(PyObject *self, PyObject *value, void *unused)
{
    (void)unused;
    if (value == NULL || value == Py_None) {
        PyErr_SetString(PyExc_TypeError, "'size' must be an int");
        return -1;
    }
    return set_size((struct claim *)self, value);
}

static PyObject *get_tag(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(((struct claim *)self)->tag);
}

static int put_tag(PyObject *self, PyObject *value, void *unused)
{
    (void)unused;
    if (value == NULL) {
        PyErr_SetString(PyExc_TypeError, "'tag' must be an int");
        return -1;
    }
    return take_u64(value, "tag", &((struct claim *)self)->tag);
}

static PyGetSetDef getters[] = {
    {"data", lent_data, NULL, PyDoc_STR("memoryview: the place in shared memory, writable, aligned to 16 bytes."),
     NULL},
    {"size", get_size, put_size, PyDoc_STR("int: how many of its first bytes are published; all, unless set."), NULL},
    {"tag", get_tag, put_tag, PyDoc_STR("int: 64 bits of the application's."), NULL},
    {0},
};

static PyMethodDef methods[] = {
    {"commit", FAST(commit), FASTCALL,
     PyDoc_STR("commit($self, size=None, tag=None)\n--\n\nPublishes the first `size` bytes (all of them: None).")},
    {"abort", abandon, METH_NOARGS,
     PyDoc_STR("abort($self)\n--\n\nGives the place back: no reader will see it. Harmless when over.")},
    {"__enter__", itself, METH_NOARGS, NULL},
    {"__exit__", FAST(leave), METH_FASTCALL, NULL},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "A message in the making, in shared memory: no copy. A with statement publishes it at its end, or gives it back "
     "when\n"
     "an exception leaves it. It is a buffer: numpy.frombuffer(claim, dtype) writes into the channel itself.\n\n"
     "Be quick: readers stop at its place until it is over. Do not write to an array over it after that: the bytes are "
     "a\n"
     "published message then, and later other ones."},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, lent_traverse},
    {Py_tp_clear, lent_clear},
    {Py_tp_getset, getters},
    {Py_tp_methods, methods},
    {Py_mp_length, length},
    {Py_bf_getbuffer, lent_getbuffer},
    {0},
};

static PyType_Spec spec = {
    .name = "leat.Claim",
    .basicsize = sizeof(struct claim),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int claim_init(PyObject *module)
{
    claim_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return claim_type == NULL ? -1 : PyModule_AddType(module, claim_type);
}
