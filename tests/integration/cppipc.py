"""Applications on cpp-ipc, as the model plays them (tests/model/cppipc): processes that print lines, and the series of messages that
all of them speak of."""

import json
import os
import queue
import signal
import struct
import subprocess
import threading

from support import BUILD, PATIENCE, wait_until

PERIOD = 251
PATTERN = bytes(range(PERIOD))


def message(number, size):
    """Message `number` of the series of series.h."""
    start = number * 31 % PERIOD
    whole = (PATTERN * (size // PERIOD + 2))[start : start + size]
    return struct.pack("<Q", number)[:size] + whole[8:]


def words(options):
    """--name value; True: a flag; a list: as often as it has items."""
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            yield f"--{name}"
            if one is not True:
                yield ",".join(map(str, one)) if isinstance(one, tuple) else str(one)


class Peer:
    """One application. `options` are those of orders.h; sizes a tuple."""

    def __init__(self, house, role, name, program="cppipc_peer", **options):
        if program == "cppipc_peer":
            options.setdefault("directory", house.shm)
        self.process = house.start(BUILD / "bin" / program, role, name, *words(options), stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def _next(self, what, seconds):
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"after {seconds} s still not: {what}; it said {self.seen[-3:]}") from None
        assert line is not None, f"it ended ({self.process.wait()}) instead of: {what}; it said {self.seen[-3:]}"
        self.seen.append(line)
        return line

    def ready(self):
        while self._next("ready", PATIENCE) != "ready":
            pass
        return self

    def wait_at(self, count):
        """Until it has sent or received so many more or less: it says every --every messages."""
        while True:
            line = self._next(f"at {count}", PATIENCE)
            if line.startswith("at ") and int(line[3:]) >= count:
                return

    def wait_for_progress(self):
        """Until it says one more time that it has come further."""
        while not self.lines.empty():
            self.seen.append(self.lines.get())
        while not self._next("progress", PATIENCE).startswith("at "):
            pass

    def result(self, seconds=30):
        """What it reports at its end."""
        while True:
            line = self._next("its report", seconds)
            if line.startswith("{"):
                return json.loads(line)

    def end(self):
        """Asks it to end, and waits until it has; what it reports."""
        self.process.terminate()
        return self.last_words()

    def last_words(self):
        """What it reports at its end, once it has let go of all that it had open."""
        report = self.result(120)
        self.process.wait(PATIENCE)
        return report

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def wait_until_dead(self):
        wait_until(lambda: self.process.poll() is not None, "it is dead")
        assert self.process.returncode == -signal.SIGKILL

    def wait_until_stopped(self):
        def state():
            with open(f"/proc/{self.process.pid}/stat") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0]

        wait_until(lambda: state() == "T", "it is stopped")


def assert_whole(report, count=None):
    """Nothing damaged, missing, doubled or out of order."""
    faults = {name: report[name] for name in ("bad", "lost", "doubled", "disordered") if report[name]}
    assert not faults, report
    assert count is None or report["received"] == count, report


def bridge(house, name, direction, url, where=None, pattern="pipeline", mode="listen", **options):
    """A section of the configuration: cppipc://`where` in the test's own folder."""
    lines = [f"[bridge.{name}]", f"pattern = {pattern}", f"direction = {direction}", f"channel = cppipc://{where or name}"]
    lines += [f"{mode} = {url}", f"cppipc.directory = {house.shm}"]
    if direction == "in" and pattern == "pipeline":
        options.setdefault("cppipc__without_receiver", "wait")
    lines += [f"{key.replace('__', '.')} = {value}" for key, value in options.items()]
    return "\n".join(lines) + "\n"


def kill_worker(running, name):
    """Once there is one to kill: between two of them its id is 0, which would be everybody in the test's own group."""
    before = running.bridge(name)["restarts"]
    pid = wait_until(lambda: running.bridge(name)["worker_pid"], f"{name} has a worker")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: running.bridge(name)["restarts"] > before, "the worker is started again")
