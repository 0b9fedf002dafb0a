/* What Reader, Writer, Requester and Replier have in common: a name, being open, being in use by one call at a time. */
#include "leat_python.h"

#include <pthread.h>
#include <time.h>

/* ---- processes ----------------------------------------------------------------------------------------------------- */

static unsigned generation;

static void in_child(void)
{
    generation++;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, in_child);
}

bool handle_is_ours(const struct handle *handle)
{
    return handle->generation == generation;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

void *handle_new(PyTypeObject *type, const char *name, const char *what, void (*close_now)(struct handle *))
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct handle *handle = (struct handle *)allocate(type, 0); /* zeroed: not open */
    if (handle == NULL)
        return NULL;
    handle->what = what;
    handle->close_now = close_now;
    handle->name = PyUnicode_FromString(name);
    if (handle->name == NULL) {
        Py_DECREF(handle);
        return NULL;
    }
    return handle;
}

void handle_opened(struct handle *handle)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    handle->generation = generation;
    handle->open = true;
}

void handle_close_now(struct handle *handle)
{
    bool was_open = handle->open;
    handle->open = handle->closing = false;
    if (was_open)
        handle->close_now(handle);
}

void handle_free(struct handle *handle)
{
    PyTypeObject *type = Py_TYPE((PyObject *)handle);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    Py_CLEAR(handle->name);
    release(handle);
    Py_DECREF(type);
}

/* ---- use ----------------------------------------------------------------------------------------------------------- */

int handle_check(const struct handle *handle)
{
    if (!handle->open || handle->closing)
        PyErr_Format(PyExc_ValueError, "the %s is closed", handle->what);
    else if (!handle_is_ours(handle))
        PyErr_Format(PyExc_RuntimeError, "the %s was opened before a fork: the child opens its own", handle->what);
    else if (handle->in_use)
        PyErr_Format(PyExc_RuntimeError, "the %s is in use by another call: open one for each thread", handle->what);
    else
        return 0;
    return -1;
}

void handle_back(struct handle *handle)
{
    handle->in_use = false;
    handle->doorbell = NULL;
    if (handle->closing)
        handle_close_now(handle);
}

int handle_go_on(struct handle *handle)
{
    handle_back(handle);
    return PyErr_CheckSignals() != 0 ? -1 : handle_check(handle);
}

PyObject *handle_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct handle *handle = (struct handle *)self;
    if (!handle->in_use || !handle_is_ours(handle)) {
        handle_close_now(handle);
    } else if (handle->open) {
        handle->closing = true;
        if (handle->doorbell != NULL)
            leat_wake(handle->doorbell);
    }
    return Py_NewRef(Py_None);
}

PyObject *handle_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return handle_check((struct handle *)self) == 0 ? Py_NewRef(self) : NULL;
}

PyObject *handle_leave(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)args, (void)count;
    return handle_close(self, NULL);
}

PyObject *itself(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

PyObject *handle_get_name(PyObject *self, void *unused)
{
    (void)unused;
    return Py_NewRef(((struct handle *)self)->name);
}

PyObject *handle_get_closed(PyObject *self, void *unused)
{
    (void)unused;
    const struct handle *handle = (struct handle *)self;
    return PyBool_FromLong(!handle->open || handle->closing);
}

PyObject *handle_repr(PyObject *self)
{
    const struct handle *handle = (struct handle *)self;
    return PyUnicode_FromFormat("<leat %s of %R%s>", handle->what, handle->name,
                                handle->open && !handle->closing ? "" : ", closed");
}

/* ---- time ---------------------------------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t end_of(int64_t timeout_ns)
{
    int64_t now = timeout_ns > 0 ? now_ns() : 0;
    return timeout_ns < 0 || timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

int64_t slice_until(int64_t end_ns)
{
    if (end_ns == INT64_MAX)
        return SLICE_NS;
    int64_t left = end_ns > 0 ? end_ns - now_ns() : 0;
    return left < 0 ? 0 : left < SLICE_NS ? left : SLICE_NS;
}
