/* Arguments of calls. */
#include "leat_python.h"

#include <math.h>
#include <string.h>

/* ---- arguments ----------------------------------------------------------------------------------------------------- */

static Py_ssize_t place_of(const struct signature *signature, PyObject *keyword)
{
    for (Py_ssize_t i = 0; i < signature->count; i++)
        if (PyUnicode_CompareWithASCIIString(keyword, signature->names[i]) == 0)
            return i;
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", signature->function, keyword);
    return -1;
}

static int take_keywords(const struct signature *signature, PyObject *const *values, PyObject *keywords, PyObject **out)
{
    Py_ssize_t count = PyTuple_Size(keywords);
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t place = place_of(signature, PyTuple_GetItem(keywords, i));
        if (place < 0)
            return -1;
        if (out[place] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%s'", signature->function,
                         signature->names[place]);
            return -1;
        }
        out[place] = values[i];
    }
    return 0;
}

int take_arguments(const struct signature *signature, PyObject *const *args, Py_ssize_t positional, PyObject *keywords,
                   PyObject **out)
{
    if (positional > signature->count) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %zd arguments (%zd given)", signature->function,
                     signature->count, positional);
        return -1;
    }
    for (Py_ssize_t i = 0; i < signature->count; i++)
        out[i] = i < positional ? args[i] : NULL;
    if (keywords != NULL && take_keywords(signature, args + positional, keywords, out) != 0)
        return -1;
    for (Py_ssize_t i = 0; i < signature->required; i++)
        if (out[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() is missing its argument '%s'", signature->function,
                         signature->names[i]);
            return -1;
        }
    return 0;
}

int take_timeout(PyObject *argument, int64_t *timeout_ns)
{
    *timeout_ns = LEAT_FOREVER;
    if (argument == NULL || argument == Py_None)
        return 0;
    double seconds = PyFloat_AsDouble(argument);
    if (seconds == -1.0 && PyErr_Occurred())
        return -1;
    if (!(seconds >= 0)) {
        PyErr_SetString(PyExc_ValueError, "a timeout is a number of seconds from 0, or None for no limit");
        return -1;
    }
    if (seconds < 9e9)
        *timeout_ns = (int64_t)ceil(seconds * 1e9);
    return 0;
}

int take_limit(PyObject *argument, const char *name, int64_t *limit_ns)
{
    if (take_timeout(argument, limit_ns) != 0)
        return -1;
    if (*limit_ns != LEAT_FOREVER)
        return 0;
    PyErr_Format(PyExc_ValueError, "a question always has a time limit: '%s' is a number of seconds", name);
    return -1;
}

int take_u64(PyObject *argument, const char *name, uint64_t *value)
{
    if (argument == NULL)
        return 0;
    if (!PyLong_Check(argument)) {
        PyErr_Format(PyExc_TypeError, "'%s' must be an int", name);
        return -1;
    }
    *value = PyLong_AsUnsignedLongLong(argument);
    if (*value != UINT64_MAX || !PyErr_Occurred())
        return 0;
    PyErr_Format(PyExc_OverflowError, "'%s' is an int from 0 to 2**64 - 1", name);
    return -1;
}

int bytes_take(PyObject *argument, struct bytes *bytes)
{
    bytes->view.obj = NULL;
    if (PyBytes_Check(argument)) {
        bytes->data = PyBytes_AsString(argument);
        bytes->len = (size_t)PyBytes_Size(argument);
        return 0;
    }
    if (PyObject_GetBuffer(argument, &bytes->view, PyBUF_SIMPLE) != 0)
        return -1;
    bytes->data = bytes->view.buf;
    bytes->len = (size_t)bytes->view.len;
    return 0;
}

void bytes_drop(struct bytes *bytes)
{
    if (bytes->view.obj != NULL)
        PyBuffer_Release(&bytes->view);
}

/* ---- what a channel is ------------------------------------------------------------------------------------------- */

int take_directory(PyObject *argument, PyObject **path)
{
    *path = NULL;
    return argument == NULL || argument == Py_None || PyUnicode_FSConverter(argument, path) ? 0 : -1;
}

static int take_choice(const char *name, const char *word, const char *const words[2], uint32_t *value)
{
    if (word == NULL)
        return 0;
    for (uint32_t i = 0; i < 2; i++)
        if (strcmp(word, words[i]) == 0) {
            *value = i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "'%s' is '%s' or '%s', not '%s'", name, words[0], words[1], word);
    return -1;
}

static int take_u32(PyObject *argument, const char *name, uint32_t *value)
{
    uint64_t number = *value;
    if (argument == NULL || argument == Py_None)
        return 0;
    if (take_u64(argument, name, &number) != 0)
        return -1;
    if (number > UINT32_MAX) {
        PyErr_Format(PyExc_OverflowError, "'%s' is too large", name);
        return -1;
    }
    *value = (uint32_t)number;
    return 0;
}

static int take_group(PyObject *argument, int64_t *group)
{
    if (argument == NULL || argument == Py_None)
        return 0;
    *group = PyLong_AsLongLong(argument);
    return *group == -1 && PyErr_Occurred() ? -1 : 0;
}

static int take_numbers(const struct channel_arguments *arguments, struct leat_channel_options *options)
{
    if (arguments->capacity != NULL && arguments->capacity != Py_None &&
        take_u64(arguments->capacity, "capacity", &options->capacity_bytes) != 0)
        return -1;
    if (take_u32(arguments->mode, "mode", &options->mode) != 0 || take_group(arguments->group, &options->group) != 0 ||
        take_u32(arguments->reader_slots, "reader_slots", &options->reader_slots) != 0 ||
        take_u32(arguments->writer_slots, "writer_slots", &options->writer_slots) != 0)
        return -1;
    return take_u32(arguments->wait_readers, "wait_readers", &options->wait_readers);
}

static int take_words(const struct channel_arguments *arguments, struct leat_channel_options *options)
{
    static const char *const policies[] = {"overwrite", "block"}, *const producers[] = {"many", "one"};
    if (take_choice("policy", arguments->policy, policies, &options->policy) != 0)
        return -1;
    return take_choice("producers", arguments->producers, producers, &options->producers);
}

/* Who asks for some properties does not object to the others. */
static void adopt(const struct channel_arguments *arguments, const char *name, struct leat_channel_options *options)
{
    bool sized = arguments->capacity != NULL && arguments->capacity != Py_None;
    if (arguments->policy == NULL && arguments->producers == NULL && !sized) {
        options->flags |= LEAT_OPEN_ANY;
        return;
    }
    struct leat_channel_info info = {.size = sizeof info};
    if (leat_channel_inspect(options->directory, name, &info, NULL, 0) < 0)
        return;
    options->policy = arguments->policy != NULL ? options->policy : info.policy;
    options->producers = arguments->producers != NULL ? options->producers : info.producers;
    options->capacity_bytes = sized ? options->capacity_bytes : info.capacity_bytes;
}

int take_channel(const struct channel_arguments *arguments, const char *name, struct leat_channel_options *options,
                 PyObject **directory)
{
    *options = (struct leat_channel_options)LEAT_CHANNEL_OPTIONS_INIT;
    if (take_directory(arguments->directory, directory) != 0)
        return -1;
    if (*directory != NULL)
        options->directory = PyBytes_AsString(*directory);
    if (take_words(arguments, options) != 0 || take_numbers(arguments, options) != 0) {
        Py_CLEAR(*directory);
        return -1;
    }
    adopt(arguments, name, options);
    return 0;
}
