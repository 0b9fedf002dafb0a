"""Native channels from Python, for tests: a thin ctypes view of libleat.so (sdk/include/leat/channel.h and request.h)."""

import ctypes as c
import errno
import os

OVERWRITE, BLOCK = 0, 1
OPEN_EXISTING, OPEN_CREATE, OPEN_ANY = 1, 2, 4
SECOND = 1_000_000_000


class Options(c.Structure):
    _fields_ = [
        ("size", c.c_uint32), ("policy", c.c_uint32), ("producers", c.c_uint32), ("mode", c.c_uint32),
        ("group", c.c_int64), ("capacity_bytes", c.c_uint64), ("reader_slots", c.c_uint32), ("writer_slots", c.c_uint32),
        ("wait_readers", c.c_uint32), ("flags", c.c_uint32), ("directory", c.c_char_p),
    ]  # fmt: skip


class Message(c.Structure):
    _fields_ = [
        ("data", c.c_void_p), ("len", c.c_uint64), ("sequence", c.c_uint64), ("time_ns", c.c_uint64), ("tag", c.c_uint64),
        ("lost", c.c_uint64), ("cursor", c.c_uint64), ("origin", c.c_uint32), ("reserved", c.c_uint32),
    ]  # fmt: skip


def _load():
    library = c.CDLL(os.path.join(os.environ["LEAT_BUILD"], "lib", "libleat.so"))
    library.leat_error_text.restype = c.c_char_p
    library.leat_strerror.restype = c.c_char_p
    library.leat_publish.argtypes = [c.c_void_p, c.c_char_p, c.c_size_t, c.c_uint64, c.c_int64]
    library.leat_read.argtypes = [c.c_void_p, c.c_void_p, c.c_size_t, c.POINTER(Message), c.c_int64]
    library.leat_requester_ignored.argtypes = [c.c_void_p]
    library.leat_requester_ignored.restype = c.c_uint64
    for name in ("leat_writer_close", "leat_reader_close", "leat_requester_close"):
        getattr(library, name).argtypes = [c.c_void_p]
        getattr(library, name).restype = None
    return library


LEAT = _load()


def _checked(code, opened=True):
    if code < 0:
        raise OSError(-code, (LEAT.leat_strerror(code) if opened else LEAT.leat_error_text()).decode())


def _options(directory, policy=OVERWRITE, capacity=4 << 20, wait_readers=0, flags=OPEN_ANY):
    folder = str(directory).encode()
    return Options(c.sizeof(Options), policy, 0, 0o600, -1, capacity, 256, 64, wait_readers, flags, folder)


class Writer:
    def __init__(self, directory, name, **options):
        self.handle = c.c_void_p()
        options = _options(directory, **options)
        _checked(LEAT.leat_writer_open(c.byref(self.handle), name.encode(), c.byref(options)), opened=False)

    def publish(self, data, tag=0, seconds=30):
        _checked(LEAT.leat_publish(self.handle, data, len(data), tag, int(seconds * SECOND)))

    def close(self):
        LEAT.leat_writer_close(self.handle)
        self.handle = None


class Reader:
    """Reads copies: (bytes, tag)."""

    def __init__(self, directory, name, room=1 << 20):
        self.handle = c.c_void_p()
        self.room = room
        self.buffer = c.create_string_buffer(room)
        options = _options(directory)
        _checked(LEAT.leat_reader_open(c.byref(self.handle), name.encode(), c.byref(options), None), opened=False)

    def read(self, seconds=10):
        message = Message()
        _checked(LEAT.leat_read(self.handle, self.buffer, self.room, c.byref(message), int(seconds * SECOND)))
        assert message.lost == 0, f"{message.lost} messages were overwritten"
        return self.buffer.raw[: message.len], message.tag

    def close(self):
        LEAT.leat_reader_close(self.handle)
        self.handle = None


class Requester:
    """leat_requester: asks, and receives (tag, bytes) or (tag, None) for a time-out; None when nothing happened."""

    def __init__(self, directory, requests, replies, room=1 << 20):
        self.handle = c.c_void_p()
        self.buffer = c.create_string_buffer(room)
        options = _options(directory)
        names = requests.encode(), replies.encode()
        _checked(LEAT.leat_requester_open(c.byref(self.handle), *names, c.byref(options)), opened=False)

    def _ask(self, call, data, seconds):
        tag = c.c_uint64()
        _checked(call(self.handle, data, c.c_size_t(len(data)), c.c_int64(int(seconds * SECOND)), c.byref(tag)))
        return tag.value

    def send(self, data, limit=10):
        return self._ask(LEAT.leat_requester_send, data, limit)

    def survey(self, data, deadline=2):
        return self._ask(LEAT.leat_survey, data, deadline)

    def receive(self, seconds=10):
        message, wait = Message(), c.c_int64(int(seconds * SECOND))
        room = c.c_size_t(len(self.buffer))
        code = LEAT.leat_requester_receive(self.handle, self.buffer, room, c.byref(message), wait)
        if code == -errno.EAGAIN:
            return None
        if code == -errno.ETIMEDOUT:
            return message.tag, None
        _checked(code)
        return message.tag, self.buffer.raw[: message.len]

    def answers(self, tag):
        """Every answer to that survey, until its deadline."""
        message, room = Message(), c.c_size_t(len(self.buffer))
        survey = self.handle, c.c_uint64(tag), self.buffer, room, c.byref(message), c.c_int64(-1)
        while (code := LEAT.leat_survey_next(*survey)) != -errno.ETIMEDOUT:
            _checked(code)
            yield self.buffer.raw[: message.len]

    def ignored(self):
        return LEAT.leat_requester_ignored(self.handle)

    def close(self):
        LEAT.leat_requester_close(self.handle)
        self.handle = None
