/* The module leat._leat, and the functions that need no handle. */
#include "leat_python.h"

#define READERS_MAX 4096

static int add_name(const char *name, void *list)
{
    PyObject *string = PyUnicode_FromString(name);
    int rc = string != NULL ? PyList_Append(list, string) : -1;
    Py_XDECREF(string);
    return rc;
}

static const char *path_of(PyObject *directory)
{
    return directory != NULL ? PyBytes_AsString(directory) : NULL;
}

SIGNATURE(channels_signature, "channels", 0, "directory");

static PyObject *channels(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    (void)module;
    PyObject *given, *directory, *list;
    if (take_arguments(&channels_signature, args, count, keywords, &given) != 0 ||
        take_directory(given, &directory) != 0)
        return NULL;
    list = PyList_New(0);
    int rc = list != NULL ? leat_channel_list(path_of(directory), add_name, list) : -1;
    Py_XDECREF(directory);
    if (rc == 0)
        return list;
    Py_XDECREF(list);
    return PyErr_Occurred() ? NULL : fail_opening(rc, NULL);
}

/* ---- inspect ------------------------------------------------------------------------------------------------------- */

typedef unsigned long long ull;

static PyObject *reader_of(const struct leat_reader_info *info)
{
    return Py_BuildValue("{s:s,s:O,s:O,s:I,s:K,s:K,s:K}", "name", info->name, "alive", info->alive ? Py_True : Py_False,
                         "durable", info->durable ? Py_True : Py_False, "pid", (unsigned)info->pid, "lag_messages",
                         (ull)info->lag_messages, "lag_bytes", (ull)info->lag_bytes, "lost", (ull)info->lost);
}

static PyObject *readers_of(const struct leat_reader_info *readers, int count)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list != NULL && i < count; i++) {
        PyObject *reader = reader_of(&readers[i]);
        if (reader == NULL || PyList_Append(list, reader) != 0)
            Py_CLEAR(list);
        Py_XDECREF(reader);
    }
    return list;
}

static PyObject *channel_of(const struct leat_channel_info *info, PyObject *readers)
{
    return Py_BuildValue("{s:s,s:s,s:I,s:K,s:K,s:K,s:K,s:K,s:I,s:I,s:I,s:y#,s:N}", "policy",
                         info->policy == LEAT_BLOCK ? "block" : "overwrite", "producers",
                         info->producers == LEAT_ONE ? "one" : "many", "mode", (unsigned)info->mode, "capacity",
                         (ull)info->capacity_bytes, "max_message", (ull)info->max_message_bytes, "messages",
                         (ull)info->messages, "created_ns", (ull)info->created_ns, "published_ns",
                         (ull)info->published_ns, "writers", (unsigned)info->writers_alive, "uid", (unsigned)info->uid,
                         "gid", (unsigned)info->gid, "incarnation", (const char *)info->incarnation,
                         (Py_ssize_t)sizeof info->incarnation, "readers", readers);
}

static PyObject *inspect_at(const char *directory, const char *name, PyObject *name_object)
{
    struct leat_channel_info info = {.size = sizeof info};
    struct leat_reader_info *readers = PyMem_Calloc(READERS_MAX, sizeof *readers);
    if (readers == NULL)
        return PyErr_NoMemory();
    for (int i = 0; i < READERS_MAX; i++)
        readers[i].size = sizeof *readers;
    int count = leat_channel_inspect(directory, name, &info, readers, READERS_MAX);
    PyObject *list = NULL, *channel = NULL;
    if (count < 0)
        fail_opening(count, name_object);
    else
        list = readers_of(readers, count < READERS_MAX ? count : READERS_MAX);
    if (list != NULL)
        channel = channel_of(&info, list);
    PyMem_Free(readers);
    return channel;
}

SIGNATURE(inspect_signature, "inspect", 1, "name", "directory");

static PyObject *inspect(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    (void)module;
    PyObject *given[2], *directory, *name, *channel;
    char *text;
    if (take_arguments(&inspect_signature, args, count, keywords, given) != 0)
        return NULL;
    name = PyUnicode_AsUTF8String(given[0]);
    if (name == NULL || PyBytes_AsStringAndSize(name, &text, NULL) != 0 || take_directory(given[1], &directory) != 0) {
        Py_XDECREF(name);
        return NULL;
    }
    channel = inspect_at(path_of(directory), text, given[0]);
    Py_XDECREF(directory);
    Py_DECREF(name);
    return channel;
}

/* ---- remove, forget ------------------------------------------------------------------------------------------------ */

static PyObject *remove_channel(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "force", "directory", NULL};
    PyObject *argument = NULL, *directory;
    const char *name;
    int force = 0, rc;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|$pO:remove", names, &name, &force, &argument) ||
        take_directory(argument, &directory) != 0)
        return NULL;
    const char *path = path_of(directory);
    Py_BEGIN_ALLOW_THREADS rc = leat_channel_remove(path, name, force);
    Py_END_ALLOW_THREADS Py_XDECREF(directory);
    return rc == 0 ? Py_NewRef(Py_None) : fail_opening(rc, NULL);
}

static PyObject *forget(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "reader", "directory", NULL};
    PyObject *argument = NULL, *directory;
    const char *name, *reader;
    int rc;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "ss|$O:forget", names, &name, &reader, &argument) ||
        take_directory(argument, &directory) != 0)
        return NULL;
    const char *path = path_of(directory);
    Py_BEGIN_ALLOW_THREADS rc = leat_reader_forget(path, name, reader);
    Py_END_ALLOW_THREADS Py_XDECREF(directory);
    return rc == 0 ? Py_NewRef(Py_None) : fail_opening(rc, NULL);
}

/* ---- the module ---------------------------------------------------------------------------------------------------- */

static PyMethodDef functions[] = {
    {"channels", FAST(channels), FASTCALL,
     PyDoc_STR("channels($module, directory=None)\n--\n\nThe names of all channels, in alphabetical order.")},
    {"inspect", FAST(inspect), FASTCALL,
     PyDoc_STR("inspect($module, name, directory=None)\n--\n\nA dict that describes one channel.")},
    {"remove", (PyCFunction)(void (*)(void))remove_channel, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "remove($module, name, *, force=False, directory=None)\n--\n\nRemoves a channel: whoever is attached gets "
         "Closed. Raises NotFound,\n"
         "Denied, and Busy when somebody lives in it and `force` is not set.")},
    {"forget", (PyCFunction)(void (*)(void))forget, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "forget($module, name, reader, *, directory=None)\n--\n\nDeletes a dead durable reader's position. Raises "
         "NotFound, and Busy while\n"
         "it lives.")},
    {0},
};

static int execute(PyObject *module)
{
    static int (*const parts[])(PyObject *) = {errors_init, message_init, loan_init,      claim_init,  reader_init,
                                               writer_init, waiter_init,  requester_init, replier_init};
    static bool loaded;
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0 || loaded) {
        PyErr_SetString(PyExc_ImportError, "leat works in one interpreter of a process: the main one");
        return -1;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i](module) != 0)
            return -1;
    loaded = true;
    return PyModule_AddStringConstant(module, "version", LEAT_VERSION);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
    {0},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,  .m_name = "leat._leat", .m_doc = "Channels of libleat. Use the package leat.",
    .m_methods = functions, .m_slots = slots,
};

PyMODINIT_FUNC PyInit__leat(void);

PyMODINIT_FUNC PyInit__leat(void)
{
    return PyModuleDef_Init(&definition);
}
