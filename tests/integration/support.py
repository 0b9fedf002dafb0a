"""Gateways, producers and consumers as processes, each test in a shared-memory folder of its own. Tests wait for events with
a deadline, never for time."""

import functools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from channel import Reader, Writer

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["LEAT_BUILD"])
LEATD = BUILD / "bin" / "leatd"
LEAT = BUILD / "bin" / "leat"

# A busy machine with two cores, sanitizers on: how long an event may take before the test calls it missing.
PATIENCE = 20.0


def wait_until(condition, what, seconds=PATIENCE, pause=0.005):
    """Returns the condition's first true value; fails when the deadline passes."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(pause)


def drops(lane):
    """What a lane has dropped, by reason, without the zeros."""
    return {reason: count for reason, count in lane["dropped"].items() if count}


def note(text):
    """A figure that people want to see whether or not the test passes; tests/run prints it at its end."""
    print(f"\n{text}")
    if "LEAT_NOTES" in os.environ:
        with open(os.environ["LEAT_NOTES"], "a") as file:
            file.write(f"{text}\n")


# Below the range that the kernel takes the ports of connections from: a port of that range may be gone before it is listened at. A
# service may not look into /proc/sys; the range as it is where nobody has changed it.
PORT_RANGE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST_TAKEN = int(PORT_RANGE.read_text().split()[0]) if PORT_RANGE.exists() else 32_768
PORTS = range(10_000, LOWEST_TAKEN if LOWEST_TAKEN > 12_000 else 32_768)
given_out = set()


def free_port(family=socket.AF_INET, host="127.0.0.1"):
    """A port that nobody has, never the same twice; drawn at random, because other tests draw too."""
    for port in random.sample(PORTS, 1000):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        if port not in given_out:
            given_out.add(port)
            return port
    raise RuntimeError("no port is free")


def tcp():
    return f"tcp://127.0.0.1:{free_port()}"


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


@functools.cache
def forget_the_dead():
    """Once: what tests that were killed left in shared memory."""
    for folder in pathlib.Path("/dev/shm").glob("leat-test-*-*"):
        owner = folder.name.split("-")[2]
        if owner.isdigit() and not is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


class House:
    """What one test has of its own: folders, an environment, and the processes that it started."""

    def __init__(self, folder):
        forget_the_dead()
        self.folder = pathlib.Path(folder)
        self.shm = pathlib.Path(tempfile.mkdtemp(prefix=f"leat-test-{os.getpid()}-", dir="/dev/shm"))
        ours = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "ASAN_OPTIONS")}
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="leat-test-", dir="/tmp"))  # short, as sockaddr_un wants it
        self.environment = {**ours, "LEAT_SHM_DIR": str(self.shm), "LEAT_PLUGIN_DIR": str(BUILD / "plugins")}
        self.environment["XDG_RUNTIME_DIR"] = str(self.sockets)
        self.processes = []
        self.gateways = []
        self.ends = []

    def path(self, name):
        return self.folder / name

    def ipc(self, name):
        """An ipc URL; its path is short, as sockaddr_un wants it."""
        return f"ipc://{self.shm}/{name}"

    def start(self, *command, **how):
        """A process of this test, in a group of its own so that its children end with it."""
        process = subprocess.Popen(
            [str(word) for word in command], env=self.environment, start_new_session=True, text=True, **how
        )
        self.processes.append(process)
        return process

    def run(self, *command, seconds=PATIENCE):
        return subprocess.run(
            [str(word) for word in command], env=self.environment, capture_output=True, text=True, timeout=seconds
        )

    def produce(self, channel, *arguments):
        return self.start(BUILD / "bin/produce", channel, *arguments, stdout=subprocess.PIPE)

    def consume(self, channel, *arguments):
        """A reader of the channel, registered when this returns."""
        process = self.start(BUILD / "bin/consume", channel, *arguments, stdout=subprocess.PIPE)
        assert process.stdout.readline() == "ready\n"
        return process

    def writer(self, channel, **options):
        """This process as a producer."""
        self.ends.append(Writer(self.shm, channel, **options))
        return self.ends[-1]

    def reader(self, channel, **how):
        """This process as a reader, as soon as the channel is there."""

        def opened():
            try:
                return Reader(self.shm, channel, **how)
            except FileNotFoundError:
                return None

        self.ends.append(wait_until(opened, f"channel {channel} is there"))
        return self.ends[-1]

    def gateway(self, text, **how):
        """A running leatd with this configuration."""
        gateway = Gateway(self, text, **how)
        self.gateways.append(gateway)
        return gateway

    def is_emptied(self):
        """A supervisor's workers end a moment after it."""
        shutil.rmtree(self.shm, ignore_errors=True)
        return not self.shm.exists()

    def close(self):
        for end in self.ends:
            end.close()
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
            if process.stdout:
                process.stdout.close()
        wait_until(self.is_emptied, f"no worker makes anything more in {self.shm}")
        shutil.rmtree(self.sockets, ignore_errors=True)
        for gateway in self.gateways:
            print(f"--- log of {gateway.configuration.name}\n{gateway.log()}", end="")
            assert "Sanitizer:" not in gateway.log() and "runtime error:" not in gateway.log()


class Gateway:
    """One leatd. `text` is its configuration; [gateway] name is `test` unless the text has that section."""

    def __init__(self, house, text, name="test", wait=True):
        self.house = house
        self.name = name
        self.configuration = house.path(f"{name}.ini")
        self.log_file = house.path(f"{name}.log")
        indented = text[:1].isspace()  # as a test's own text is; a shipped file is taken as it stands
        lines = "\n".join(line.strip() for line in text.splitlines()) if indented else text
        self.configuration.write_text(lines if "[gateway]" in lines else f"[gateway]\nname = {name}\n{lines}\n")
        self.start(wait)

    def start(self, wait=True):
        with open(self.log_file, "a") as log:
            self.process = self.house.start(LEATD, "-c", self.configuration, stderr=log, stdout=log)
        if wait:
            wait_until(self.has_started, f"the gateway runs\n{self.log()}")

    def has_started(self):
        assert self.process.poll() is None, f"leatd ended with {self.process.returncode}:\n{self.log()}"
        page = self.page()
        if not page or page["life"] != "live" or page["pid"] != self.process.pid:
            return False
        return all(bridge["state"] not in ("stopped", "starting") for bridge in page["bridges"])

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def page(self):
        """What leat ledger says of this gateway; None while it has no page."""
        answer = self.house.run(LEAT, "ledger", "--json", self.name)
        assert answer.returncode in (0, 66), f"the books do not balance: {answer.stdout}{answer.stderr}"
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def bridge(self, name):
        return next(bridge for bridge in self.page()["bridges"] if bridge["name"] == name)

    def lane(self, bridge, index=0):
        return self.bridge(bridge)["lanes"][index]

    def lane_that_goes(self, bridge, direction):
        return next(lane for lane in self.bridge(bridge)["lanes"] if lane["direction"] == direction)

    def wait_for_peers(self, bridge, count):
        wait_until(lambda: self.bridge(bridge)["peers"] == count, f"{bridge} has {count} peers")

    def wait_for_balance(self, bridge):
        """Waits until nothing is in flight and returns the lanes, whose books must balance."""

        def settled():
            lanes = self.bridge(bridge)["lanes"]
            return lanes if all(lane["in_flight"] == 0 for lane in lanes) else None

        lanes = wait_until(settled, f"{bridge} has nothing in flight")
        for lane in lanes:
            assert lane["read"] == lane["forwarded"] + lane["dropped_total"] + lane["returned"], lane
        return lanes

    def send(self, number):
        os.kill(self.process.pid, number)

    def order(self, what, *options):
        """What leat plan or leat reload is told."""
        answer = self.house.run(LEAT, what, "--json", *options, self.name, seconds=60)
        assert answer.returncode in (0, 1), f"{answer.stdout}{answer.stderr}\n{self.log()}"
        return json.loads(answer.stdout)

    def stop(self, number=signal.SIGTERM, seconds=PATIENCE):
        """Asks it to stop; the exit status."""
        self.send(number)
        return self.process.wait(seconds)
