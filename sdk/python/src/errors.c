/* Codes of libleat as exceptions. The classes are Python's (leat/_errors.py). */
#include "leat_python.h"

static const struct {
    int code;
    const char *name;
} names[] = {
    {LEAT_EAGAIN, "TimedOut"}, {LEAT_ETIMEDOUT, "TimedOut"},
    {LEAT_ELAPPED, "Lapped"},  {LEAT_ECLOSED, "Closed"},
    {LEAT_ETOOBIG, "TooBig"},  {LEAT_ECORRUPT, "Corrupt"},
    {-ENOENT, "NotFound"},     {LEAT_EVERSION, "VersionMismatch"},
    {-EEXIST, "Exists"},       {-EBUSY, "Busy"},
    {-EACCES, "Denied"},       {-EPERM, "Denied"},
};
#define COUNT (sizeof names / sizeof *names)

static PyObject *classes[COUNT], *base;

int errors_init(PyObject *module)
{
    (void)module;
    PyObject *errors = PyImport_ImportModule("leat._errors");
    if (errors == NULL)
        return -1;
    for (size_t i = 0; i < COUNT; i++)
        if (classes[i] == NULL && (classes[i] = PyObject_GetAttrString(errors, names[i].name)) == NULL)
            break;
    if (base == NULL)
        base = PyObject_GetAttrString(errors, "Error");
    Py_DECREF(errors);
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *class_of(int code)
{
    for (size_t i = 0; i < COUNT; i++)
        if (names[i].code == code)
            return classes[i];
    return base;
}

static PyObject *raise(int code, const char *sentence, PyObject *channel)
{
    if (code == -ENOMEM)
        return PyErr_NoMemory();
    PyObject *class = class_of(code);
    PyObject *error = channel != NULL ? PyObject_CallFunction(class, "isO", -code, sentence, channel)
                                      : PyObject_CallFunction(class, "is", -code, sentence);
    if (error != NULL) {
        PyErr_SetObject(class, error);
        Py_DECREF(error);
    }
    return NULL;
}

PyObject *fail(int code, PyObject *channel)
{
    const char *busy = "a message is borrowed or claimed already: that comes to its end first";
    return raise(code, code == -EBUSY ? busy : leat_strerror(code), channel);
}

int fail_int(int code, PyObject *channel)
{
    fail(code, channel);
    return -1;
}

PyObject *fail_opening(int code, PyObject *channel)
{
    const char *sentence = leat_error_text();
    return raise(code, sentence[0] != '\0' ? sentence : leat_strerror(code), channel);
}

bool fails_as(int code)
{
    return PyErr_ExceptionMatches(class_of(code));
}

void tell(const char *attribute, uint64_t value)
{
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    PyObject *number = PyLong_FromUnsignedLongLong(value);
    if (number == NULL || error == NULL || PyObject_SetAttrString(error, attribute, number) != 0)
        PyErr_Clear(); /* the error itself is more important */
    Py_XDECREF(number);
    PyErr_Restore(type, error, trace);
}
