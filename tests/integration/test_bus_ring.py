"""Three gateways joined with each other, five programs on their leaves, a producer and a reader on each one's channel: what anyone
says everybody hears, once, and then it is quiet."""

import os
import signal
from collections import Counter

import pytest

from support import free_port, wait_until

GATEWAYS = 3
LEAVES = [0, 0, 1, 1, 2]  # which gateway each peer is connected with
ROUNDS = 12
BURST = 8  # of each speaker in a round: nng's own bus drops what a peer's queue of 16 does not hold


class Floor:
    """One who speaks and hears. Hears nothing of its own, except on a channel, where all see what all publish."""

    def __init__(self, name, gateway):
        self.name, self.gateway = name, gateway
        self.heard = Counter()

    def listen(self):
        """Takes what is there and returns how many it has heard so far."""
        while (message := self.take()) is not None:
            self.heard[message] += 1
        return self.heard.total()


class Peer(Floor):
    hears_itself = False

    def __init__(self, pynng, name, gateway, url):
        super().__init__(name, gateway)
        self.nothing = pynng.TryAgain
        self.socket = pynng.Bus0(dial=url, recv_buffer_size=8192)
        self.say = self.socket.send

    def take(self):
        try:
            return self.socket.recv(block=False)
        except self.nothing:
            return None

    def close(self):
        self.socket.close()


class Local(Floor):
    hears_itself = True

    def __init__(self, house, gateway):
        super().__init__(f"local-{gateway}", gateway)
        self.say = house.writer(f"floor{gateway}").publish
        self.reader = house.reader(f"floor{gateway}")

    def take(self):
        try:
            return self.reader.read(0)[0]
        except BlockingIOError:
            return None

    def close(self):
        pass  # the house does


class Ring:
    def __init__(self, house, pynng):
        leaf = [free_port() for _ in range(GATEWAYS)]
        mesh = [free_port() for _ in range(GATEWAYS)]
        self.gateways = [
            house.gateway(self.configuration(number, leaf[number], mesh), name=f"ring-{number}") for number in range(GATEWAYS)
        ]
        self.peers = [Peer(pynng, f"peer-{at}", at_gateway, f"tcp://127.0.0.1:{leaf[at_gateway]}") for at, at_gateway in enumerate(LEAVES)]
        self.all = self.peers + [Local(house, number) for number in range(GATEWAYS)]
        self.wait_until_joined()
        self.said = Counter()
        self.said_at = Counter()  # messages that came in at each gateway, from its own side
        self.said_by_peers_at = Counter()

    @staticmethod
    def configuration(number, leaf, mesh):
        """Each is joined with each other one once: it dials those before it."""
        dials = ", ".join(f"tcp://127.0.0.1:{port}" for port in mesh[:number])
        return f"""
            [bridge.leaf]
            pattern = bus
            direction = both
            channel = shm://floor{number}
            listen = tcp://127.0.0.1:{leaf}
            bus.forward = yes
            [bridge.mesh]
            pattern = bus
            direction = both
            channel = shm://floor{number}
            listen = tcp://127.0.0.1:{mesh[number]}
            {f"dial = {dials}" if dials else ""}
            """

    def wait_until_joined(self):
        for number, gateway in enumerate(self.gateways):
            gateway.wait_for_peers("leaf", LEAVES.count(number))
            gateway.wait_for_peers("mesh", GATEWAYS - 1)

    def round(self, count=BURST):
        """Everybody says `count` things; returns when all of it has been heard by all."""
        for turn in range(count):
            for speaker in self.all:
                message = f"{speaker.name} {self.said_at.total()} {turn}".encode()
                speaker.say(message)
                self.said[message] += 1
                self.said_at[speaker.gateway] += 1
                self.said_by_peers_at[speaker.gateway] += speaker in self.peers
        for hearer in self.all:
            expected = self.expected(hearer).total()
            wait_until(lambda: hearer.listen() >= expected, f"{hearer.name} has heard {expected}")

    def expected(self, hearer):
        own = f"{hearer.name} ".encode()
        return Counter({m: n for m, n in self.said.items() if hearer.hears_itself or not m.startswith(own)})

    def counters(self):
        """What every lane has counted, and whether anything is under way."""
        lanes = [lane for gateway in self.gateways for bridge in gateway.page()["bridges"] for lane in bridge["lanes"]]
        return [(lane["read"], lane["forwarded"], lane["dropped_total"]) for lane in lanes], sum(lane["in_flight"] for lane in lanes)

    def wait_until_quiet(self):
        """Nothing is in flight, and five looks at the books in a row show the same."""
        seen = []

        def still():
            seen.append(self.counters())
            return len(seen) >= 5 and all(look == seen[-1] for look in seen[-5:]) and seen[-1][1] == 0

        wait_until(still, "the books stand still", pause=0.1)

    def everybody_heard_everything_once(self):
        for hearer in self.all:
            hearer.listen()
            missing, surplus = self.expected(hearer) - hearer.heard, hearer.heard - self.expected(hearer)
            assert not missing and not surplus, (
                f"{hearer.name}: {missing.total()} missing, {surplus.total()} too many, such as {[*(missing + surplus)][:3]}"
            )

    def close(self):
        for one in self.all:
            one.close()


@pytest.fixture
def ring(house, pynng):
    ring = Ring(house, pynng)
    yield ring
    ring.close()


def lane(gateway, bridge, direction):
    return next(lane for lane in gateway.bridge(bridge)["lanes"] if lane["direction"] == direction)


def test_every_message_arrives_exactly_once_everywhere_and_then_it_is_quiet(ring):
    for _ in range(ROUNDS):
        ring.round()
    ring.wait_until_quiet()
    ring.everybody_heard_everything_once()
    total = ring.said.total()
    assert total == ROUNDS * BURST * 8
    for number, gateway in enumerate(ring.gateways):
        own, others = ring.said_at[number], total - ring.said_at[number]
        out, into = lane(gateway, "mesh", "out"), lane(gateway, "mesh", "in")
        assert (out["read"], out["forwarded"], out["dropped"].get("loop")) == (total, own, others)
        assert (into["read"], into["forwarded"]) == (others, others)
        leaf_out, leaf_in = lane(gateway, "leaf", "out"), lane(gateway, "leaf", "in")
        assert leaf_out["read"] == total and leaf_in["forwarded"] == ring.said_by_peers_at[number]


def test_it_stays_so_when_workers_are_killed_and_come_back(ring):
    """A killed worker's successor finds in the channel what its predecessor brought in, and sends none of it again."""
    ring.round()
    ring.wait_until_quiet()
    for gateway, bridge in ((ring.gateways[0], "mesh"), (ring.gateways[1], "mesh"), (ring.gateways[2], "leaf")):
        before = gateway.bridge(bridge)
        os.kill(before["worker_pid"], signal.SIGKILL)
        wait_until(lambda: gateway.bridge(bridge)["restarts"] > before["restarts"], f"{bridge} is started again")
        ring.wait_until_joined()
    ring.wait_until_quiet()
    ring.everybody_heard_everything_once()
    ring.round()
    ring.wait_until_quiet()
    ring.everybody_heard_everything_once()
