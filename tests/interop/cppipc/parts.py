"""What `run` tries with the library: each part is a function of a bench, which is one release of the library and one kind."""

import os
import pathlib
import random
import time

from cppipc import Peer, assert_whole, kill_worker
from support import LEAT, House, tcp, wait_until

SIZES = (1, 7, 63, 64, 65, 200, 1008, 1009, 64 << 10, 1 << 20, 10 << 20)
MIXED = (8, 64, 200, 2000)
BYTES_A_CELL, MESSAGES_A_CELL = 192 << 20, 200_000
LIMIT_MS = 2000  # the library's own time limit where something is killed
SLACK_MS = 500  # a busy machine


class Table:
    def __init__(self):
        self.cells, self.words = [], []

    def cell(self, *row):
        self.cells.append(row)
        print(self._line(row), flush=True)

    def say(self, *words):
        self.words.append(words)
        print(" | ".join(words), flush=True)

    @staticmethod
    def _line(row):
        library, kind, direction, size, plain, *bridged = row

        def figure(rate):
            if rate is None:
                return "-"
            return f"{rate:,.0f}/s, {rate * size / 1e6:,.0f} MB/s, {rate / plain:.2f}" if plain else "refused"

        rates = [figure(rate).rsplit(", 1.00", 1)[0] if rate == plain else figure(rate) for rate in (plain, *bridged)]
        return f"| {library} | {kind} | {direction} | {size} | {' | '.join(rates)} |"

    def text(self):
        head = "| library | kind | direction | bytes | library to library | bridge alone | through the bridge to the far end |"
        lines = [head, "|---|---|---|---|---|---|---|", *map(self._line, self.cells)]
        return "\n".join([*lines, "", *(f"* {' | '.join(words)}" for words in self.words), ""])


class Bench:
    """A gateway with a bridge each way, and applications on the library around it. The names are this process's own."""

    def __init__(self, folder, library, kind, peer, kills, table):
        self.library, self.kind, self.peer, self.kills, self.table = library, kind, peer, kills, table
        self.house = House(folder)
        self.prefix = f"leat-{os.getpid()}-{random.randrange(1 << 30)}-"  # a gateway that is ended may take a moment
        self.urls = {"out": tcp(), "in": tcp(), "alone": tcp()}
        self.gateway = None

    def start_gateway(self, **more):
        options = {"kind": self.kind, "prefix": self.prefix, "without_receiver": "wait", **more}
        text = ""
        for name, url in self.urls.items():
            pattern, direction = ("pubsub", "out") if name == "alone" else ("pipeline", name)
            text += f"[bridge.{name}]\npattern = {pattern}\ndirection = {direction}\nchannel = cppipc://{name}\nlisten = {url}\n"
            text += "".join(f"cppipc.{name} = {value}\n" for name, value in options.items())
        self.gateway = self.house.gateway(text, name=f"interop-{random.randrange(1 << 30)}")
        return self.gateway

    def application(self, role, name, **options):
        return Peer(self.house, role, name, program=self.peer, kind=self.kind, prefix=self.prefix, **options)

    def far(self, role, direction, **options):
        """Once the last one is gone: what is pushed to it is lost."""
        self.gateway.wait_for_peers(direction, 0)
        return Peer(self.house, role, self.urls[direction], program="cppipc_far", **options)

    def say(self, *words):
        self.table.say(self.library, self.kind, *words)

    def forget_files(self):
        """rm, as the library's users do."""
        for file in pathlib.Path("/dev/shm").glob(f"*{self.prefix}*"):
            file.unlink(missing_ok=True)

    def close(self):
        self.house.close()
        self.forget_files()


def rate(report):
    return (report["received"] - 1) / report["seconds"] if report["seconds"] else 0


# ---- what is carried, and how fast -----------------------------------------------------------------------------------


def pair(bench, size, count):
    """The library with itself."""
    receiver = bench.application("recv", "pair", sizes=(size,), count=count, idle=20_000).ready()
    sender = bench.application("send", "pair", sizes=(size,), count=count, receivers=1, limit=20_000, stay=True)
    report = receiver.last_words()
    assert_whole(report, count)
    sender.end()
    return rate(report)


def outward(bench, size, count):
    far = bench.far("recv", "out", sizes=(size,), count=count, idle=20_000).ready()
    sender = bench.application("send", "out", sizes=(size,), count=count, receivers=1, limit=20_000, stay=True)
    report = far.last_words()
    assert_whole(report, count)
    assert sender.end()["failed"] == 0
    return rate(report)


def alone(bench, size, count):
    """The bridge as a receiver beside nobody, and with nobody to send to."""
    lane = lambda: bench.gateway.lane("alone")  # noqa: E731
    before = lane()["read"]
    how = {"sizes": (size,), "count": count, "receivers": 1, "limit": 20_000, "stay": True}
    sender = bench.application("send", "alone", **how)
    wait_until(lambda: lane()["read"] >= before + count, "all is read", seconds=120)
    ended, report = time.monotonic(), sender.end()
    assert report["failed"] == 0 and lane()["read"] == before + count, report
    assert lane()["dropped"]["lapped"] == 0, lane()
    return count / (ended - report["began"])


def inward(bench, size, count):
    receiver = bench.application("recv", "in", sizes=(size,), count=count, idle=20_000).ready()
    far = bench.far("send", "in", sizes=(size,), count=count, stay=True)
    report = receiver.last_words()
    assert_whole(report, count)
    far.kill()
    return rate(report)


def matrix(bench):
    bench.start_gateway()
    refused(bench)
    for size in SIZES:
        count = max(19, min(MESSAGES_A_CELL, BYTES_A_CELL // size))
        plain = pair(bench, size, count)
        rates = alone(bench, size, count), outward(bench, size, count)
        bench.table.cell(bench.library, bench.kind, "out", size, plain, *rates)
        bench.table.cell(bench.library, bench.kind, "in", size, plain, None, inward(bench, size, count))
    for bridge in ("out", "in"):
        [lane] = bench.gateway.wait_for_balance(bridge)
        assert lane["read"] == lane["forwarded"] + (bridge == "in"), lane


def refused(bench):
    """Nothing is 0 bytes long: neither to the library nor through the bridge."""
    sender = bench.application("send", "out", sizes=(0,), count=3, receivers=1)
    assert sender.last_words()["failed"] == 3
    bench.table.cell(bench.library, bench.kind, "out", 0, 0, 0, 0)
    receiver = bench.application("recv", "in", sizes=(8,)).ready()
    far = bench.far("send", "in", sizes=(0,), count=1, stay=True)
    wait_until(lambda: bench.gateway.lane("in")["dropped"]["malformed"] == 1, "the empty message is refused")
    far.kill()
    assert receiver.end()["received"] == 0
    bench.table.cell(bench.library, bench.kind, "in", 0, 0, None, 0)


def million(bench):
    bench.start_gateway()
    count = 1_000_000
    bench.say("1,000,000 messages of 16 bytes out: none lost", f"{outward(bench, 16, count):,.0f}/s")
    bench.say("1,000,000 messages of 16 bytes in: none lost", f"{inward(bench, 16, count):,.0f}/s")


def bystanders(bench):
    """Two receivers on the library, without and with the bridge beside them."""
    count, how = 200_000, {"sizes": (16, 64, 48), "limit": 20_000}
    rates = []
    for bridged in (False, True):
        if bridged:
            bench.start_gateway()
            wait_until(lambda: bench.gateway.bridge("out")["state"] != "starting", "the bridge is there")
            far = bench.far("recv", "out", sizes=how["sizes"], count=count, idle=20_000).ready()
        receivers = [bench.application("recv", "out", count=count, idle=20_000, **how).ready() for _ in range(2)]
        sender = bench.application("send", "out", count=count, receivers=2 + bridged, stay=True, **how)
        reports = [receiver.last_words() for receiver in receivers]
        for report in reports:
            assert_whole(report, count)
        assert sender.end()["failed"] == 0
        rates.append(min(map(rate, reports)))
    assert_whole(far.last_words(), count)
    bench.say(f"two receivers alone {rates[0]:,.0f}/s each, beside the bridge {rates[1]:,.0f}/s each", f"{count} of {count} at all three")


# ---- who dies --------------------------------------------------------------------------------------------------------


def assert_undamaged(report):
    assert report["bad"] == report["doubled"] == report["disordered"] == 0, report


def gateway_killed(bench):
    gateway_killed_reading(bench)
    gateway_killed_writing(bench)


def gateway_killed_reading(bench):
    bench.start_gateway()
    far = bench.far("recv", "out", sizes=MIXED, every=100).ready()
    other = bench.application("recv", "out", sizes=MIXED, every=100).ready()
    sender = bench.application("send", "out", sizes=MIXED, receivers=2, limit=LIMIT_MS, interval=100, stay=True).ready()
    for _ in range(bench.kills):
        far.wait_for_progress()
        time.sleep(random.uniform(0, 0.05))
        kill_worker(bench.gateway, "out")
    far.wait_for_progress()
    sent, received, beside = sender.end(), far.end(), other.end()
    assert sent["failed"] == 0 and sent["longest_ms"] < LIMIT_MS + SLACK_MS, sent
    assert_undamaged(received)
    assert_whole(beside, sent["sent"])
    told = f"{sent['sent']} sent, longest send {sent['longest_ms']:.0f} ms of {LIMIT_MS} allowed; the receiver beside it lost none"
    bench.say(f"gateway killed {bench.kills} times while it reads", told, f"far end: {received['lost']} lost, 0 damaged, 0 doubled")


def gateway_killed_writing(bench):
    receivers = [bench.application("recv", "in", sizes=MIXED, every=100).ready() for _ in range(2)]
    far = bench.far("send", "in", sizes=MIXED, interval=100)
    for _ in range(bench.kills):
        receivers[0].wait_for_progress()
        time.sleep(random.uniform(0, 0.05))
        kill_worker(bench.gateway, "in")
    receivers[0].wait_for_progress()
    far.kill()
    reports = [receiver.end() for receiver in receivers]
    for report in reports:
        assert_undamaged(report)
    bench.say(f"gateway killed {bench.kills} times while it writes", f"{reports[0]['received']} received, {reports[0]['lost']} lost with it, 0 damaged")


def library_killed(bench):
    receivers_killed(bench)
    senders_killed(bench)


def receivers_killed(bench):
    """Among them one that stays, which gets everything."""
    bench.start_gateway(kick_after="200ms")
    live = bench.application("recv", "in", sizes=MIXED, every=100).ready()
    count = 30_000
    bench.far("send", "in", sizes=MIXED, count=count, interval=300, stay=True)
    for _ in range(bench.kills):
        victim = bench.application("recv", "in", sizes=MIXED).ready()
        live.wait_for_progress()
        victim.kill()
    live.wait_at(count)
    assert_whole(live.end(), count)
    bench.say(f"a receiver on the library killed {bench.kills} times", f"the one beside it: {count} of {count}")


def senders_killed(bench):
    """In a route the flag of the killed one stays set, and no other may send, until `leat doctor` takes it back."""
    far = bench.far("recv", "out", sizes=MIXED, every=50).ready()
    for turn in range(bench.kills):
        how = {"sizes": MIXED, "first": turn * 1_000_000, "receivers": 1, "interval": 100, "limit": LIMIT_MS}
        victim = bench.application("send", "out", **how).ready()
        far.wait_for_progress()
        victim.kill()
        if bench.kind == "route":
            answer = bench.house.run(*doctor(bench), "--repair")
            assert "sender" in answer.stdout, answer
    assert_undamaged(far.end())
    bench.say(f"a sender on the library killed {bench.kills} times", "each next one is heard" + ("" if bench.kind == "channel" else " after leat doctor"))


def doctor(bench):
    return LEAT, "doctor", "cppipc://out", f"--set=cppipc.prefix={bench.prefix}", f"--set=cppipc.kind={bench.kind}"


# ---- who comes again -------------------------------------------------------------------------------------------------


def restarted(bench):
    bench.start_gateway()
    far = bench.far("recv", "out", sizes=MIXED, every=100).ready()
    for turn in range(10):
        sender = bench.application("send", "out", sizes=MIXED, first=turn * 1000, count=1000, receivers=1, limit=LIMIT_MS)
        assert sender.last_words()["failed"] == 0
        far.wait_at(1000 * (turn + 1))
    assert_whole(far.end(), 10_000)
    sender = bench.far("send", "in", sizes=MIXED, interval=200)
    times = []
    for _ in range(10):
        began = time.monotonic()
        report = bench.application("recv", "in", sizes=MIXED, count=500).last_words()
        assert report["received"] == 500, report
        assert_undamaged(report)
        times.append(time.monotonic() - began)
    sender.kill()
    told = f"receiver started again 10 times: each has 500 messages within {max(times):.2f} s ({sorted(times)[5]:.2f} s in the median)"
    bench.say("sender started again 10 times: 10,000 of 10,000", told)
