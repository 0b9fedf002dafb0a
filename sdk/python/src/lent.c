/* What Loan and Claim share: memory of a channel that Python objects look into. */
#include "leat_python.h"

void lent_fill(struct lent *lent, PyObject *owner, struct leat_mapping *mapping, void *data, size_t len, bool readonly)
{
    Py_INCREF(owner);
    lent->owner = owner;
    lent->memory = NULL;
    lent->mapping = mapping;
    lent->data = data;
    lent->len = len;
    lent->open = true;
    lent->readonly = readonly;
}

int lent_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    struct lent *lent = (struct lent *)self;
    if (!lent->open) {
        view->obj = NULL;
        PyErr_SetString(PyExc_BufferError, lent->readonly ? "the message was released" : "the claim is over");
        return -1;
    }
    return PyBuffer_FillInfo(view, self, lent->data, (Py_ssize_t)lent->len, lent->readonly, flags);
}

PyObject *lent_data(PyObject *self, void *closure)
{
    (void)closure;
    struct lent *lent = (struct lent *)self;
    if (!lent->open) {
        PyErr_SetString(PyExc_ValueError, lent->readonly ? "the message was released" : "the claim is over");
        return NULL;
    }
    if (lent->memory == NULL)
        lent->memory = PyMemoryView_FromObject(self);
    Py_XINCREF(lent->memory);
    return lent->memory;
}

void lent_end(struct lent *lent)
{
    lent->open = false;
    PyObject *memory = lent->memory;
    if (memory == NULL)
        return;
    lent->memory = NULL;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyObject *result = PyObject_CallMethod(memory, "release", NULL);
    if (result == NULL)
        PyErr_Clear(); /* an array looks through it: it keeps what it needs */
    Py_XDECREF(result);
    PyErr_Restore(type, error, trace);
    Py_DECREF(memory);
}

int lent_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct lent *)self)->owner);
    Py_VISIT(((struct lent *)self)->memory);
    return 0;
}

int lent_clear(PyObject *self)
{
    Py_CLEAR(((struct lent *)self)->memory);
    return 0;
}

void lent_free(struct lent *lent)
{
    PyTypeObject *type = Py_TYPE((PyObject *)lent);
    Py_CLEAR(lent->memory);
    leat_mapping_release(lent->mapping);
    Py_CLEAR(lent->owner);
    PyObject_GC_Del(lent);
    Py_DECREF(type);
}
