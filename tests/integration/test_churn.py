"""Clients that are killed at random under load, on every protocol and transport; then new clients are all served, and the
worker's descriptors and memory are what they were. Where the packaged nng locks up, the worker notices and starts again by
itself; how long that took is noted.

LEAT_CHURN_SECONDS=60: the long form, clients killed for a minute in each cell and 100 new ones (an hour for all cells; choose some
with pytest's -k). Without it a cell takes seconds: 100 killed clients and 100 new ones, fewer where nng 1.5 locks up at about every
tenth client that leaves. LEAT_CHURN_EVENTS: killed clients a cell, at least."""

import os
import random
import threading
import time

import pytest

from asking import start_replier
from certificates import Authority
from clients import BUS, PAIR0, PAIR1, PUB, PULL, PUSH, REQ, SUB, SURVEYOR, Client, trusting
from support import free_port, note, wait_until

SECONDS = float(os.environ.get("LEAT_CHURN_SECONDS", "0"))
EVENTS = int(os.environ.get("LEAT_CHURN_EVENTS", "0"))
RECOVERY = 30.0  # seconds; the watchdog's patience is two

# pattern, direction, what clients are, how many at once
PATTERNS = {
    "pubsub-out": ("pubsub", "out", SUB, 4),
    "pubsub-in": ("pubsub", "in", PUB, 4),
    "pipeline-out": ("pipeline", "out", PULL, 4),
    "pipeline-in": ("pipeline", "in", PUSH, 4),
    "reqrep-in": ("reqrep", "in", REQ, 4),
    "survey-in": ("survey", "in", SURVEYOR, 4),
    "bus": ("bus", "both", BUS, 4),
    "pair0": ("pair", "both", PAIR0, 1),
    "pair1": ("pair", "both", PAIR1, 1),
}
# Where each of nng's lock-ups costs seconds, and there are many of them (reaper waits for ever; see sp_probe.h).
LOCKS_UP = {BUS, PAIR0, PAIR1}
SPEAKS = {PUB, PUSH, REQ, SURVEYOR, BUS, PAIR0, PAIR1}
HEARS = {SUB, PULL, REQ, SURVEYOR, BUS, PAIR0, PAIR1}


class Cell:
    """One bridge under load, and clients of the other side of its protocol."""

    def __init__(self, house, folder, pattern, scheme):
        self.pattern, self.direction, self.protocol, self.at_once = PATTERNS[pattern]
        self.url = house.ipc("churn") if scheme == "ipc" else f"{scheme}://127.0.0.1:{free_port()}"
        self.context = None
        lines = [f"pattern = {self.pattern}", f"direction = {self.direction}", "channel = shm://load", f"listen = {self.url}"]
        if scheme in ("ws", "wss"):
            self.url += "/churn"
            lines[-1] = f"listen = {self.url}"
        if scheme in ("tls+tcp", "wss"):
            identity = Authority(folder, "churn").issue("localhost", "DNS:localhost,IP:127.0.0.1")
            lines += [f"tls.cert = {identity.certificate}", f"tls.key = {identity.key}"]
            self.context = trusting()
        if self.protocol in (REQ, SURVEYOR):
            lines += ["reply_channel = shm://load.replies"]
        if self.direction == "both":
            lines += ["reply_channel = shm://heard"]
        if self.protocol == PAIR1:
            lines += ["pair.version = 1"]
        if self.direction in ("out", "both"):
            policy = "block" if self.pattern == "pipeline" else "overwrite"
            house.produce("load", "--policy", policy, "--sizes", "8-2048", "--rate", 3000)
        brief = "[gateway]\nname = test\ndrain_timeout = 500ms\n"  # nobody takes what waits at the end
        self.running = house.gateway(brief + "[bridge.load]\n" + "\n".join(lines) + "\n")
        if self.protocol in (REQ, SURVEYOR):
            start_replier(house, "load")

    @property
    def few(self):
        """How many clients are enough for a cell that is to take seconds."""
        return 20 if self.protocol in LOCKS_UP else 100

    def dial(self):
        return Client(self.url, self.protocol, self.context)

    def read(self):
        """How many messages came in, over all of the bridge's lives."""
        return sum(lane["read"] for lane in self.running.bridge("load")["lanes"] if lane["direction"] == "in")

    def exchange(self, client):
        if self.protocol in SPEAKS:
            client.send(b"%064d" % random.randrange(1 << 60))
        if self.protocol in HEARS:
            client.receive()

    def serve_one(self, deadline):
        """A new client that is served; one that is refused (a pair's peer has not quite gone) comes again."""
        while True:
            try:
                client = self.dial()
                try:
                    before = self.read() if self.protocol not in HEARS else None
                    self.exchange(client)
                    if before is not None:
                        wait_until(lambda: self.read() > before, "what it said has come in", seconds=5)
                    return
                finally:
                    client.close()
            except (OSError, AssertionError) as error:
                assert time.monotonic() < deadline, f"a new client is not served: {error!r}"
                time.sleep(0.02)


class Victims:
    """Clients that connect, take part for a moment and are gone, at any point of their doing."""

    def __init__(self, cell):
        self.cell = cell
        self.lock = threading.Lock()
        self.events = self.refused = 0
        self.begun = time.monotonic()
        threads = [threading.Thread(target=self._run, args=(seed,)) for seed in range(cell.at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _goes_on(self):
        with self.lock:
            return self.events < (EVENTS or self.cell.few) or time.monotonic() - self.begun < SECONDS

    def _count(self, refused):
        with self.lock:
            self.events += 1
            self.refused += refused

    def _run(self, seed):
        chance = random.Random(seed)
        while self._goes_on():
            try:
                client = self.cell.dial()
            except OSError:
                self._count(True)
                time.sleep(0.02)
                continue
            client.sock.settimeout(1)
            try:
                for _ in range(chance.randrange(30)):
                    self.cell.exchange(client)
                self._count(False)
            except OSError:
                self._count(True)
            (client.vanish if chance.random() < 0.8 else client.close)()


def footprint(pid):
    with open(f"/proc/{pid}/statm") as statm:
        pages = int(statm.read().split()[1])
    return len(os.listdir(f"/proc/{pid}/fd")), pages * os.sysconf("SC_PAGE_SIZE")


def settled(cell):
    """The worker's descriptors once all of the clients are gone."""

    def alone():
        bridge = cell.running.bridge("load")
        return bridge if bridge["peers"] == 0 and bridge["state"] not in ("failed", "starting") else None

    return wait_until(alone, "no client is left", seconds=RECOVERY)


@pytest.mark.parametrize("scheme", ["tcp", "ipc", "tls+tcp", "ws", "wss"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_churn(house, tmp_path, pattern, scheme):
    cell = Cell(house, tmp_path, pattern, scheme)
    cell.serve_one(time.monotonic() + RECOVERY)
    before = settled(cell)
    fds, memory = footprint(before["worker_pid"])

    victims = Victims(cell)
    ended = time.monotonic()
    cell.serve_one(ended + RECOVERY)
    first = time.monotonic() - ended
    new_clients = 100 if SECONDS else cell.few
    for _ in range(new_clients):
        cell.serve_one(time.monotonic() + RECOVERY)
    all_served = time.monotonic() - ended

    bridge = settled(cell)
    restarts = bridge["restarts"] - before["restarts"]
    fds_after, memory_after = footprint(bridge["worker_pid"])
    note(
        f"churn, {pattern} over {scheme}: {victims.events} clients gone in {ended - victims.begun:.1f} s ({victims.refused} cut off), "
        f"{restarts} restarts of the worker, the next client served after {first:.3f} s, {new_clients} after {all_served:.1f} s; "
        f"descriptors {fds} -> {fds_after}, memory {memory >> 20} -> {memory_after >> 20} MiB"
    )
    wait_until(lambda: footprint(cell.running.bridge("load")["worker_pid"])[0] <= fds + 8, "the descriptors are given back")
    assert memory_after < memory + (64 << 20)
    assert cell.running.stop() in (0, 75)
