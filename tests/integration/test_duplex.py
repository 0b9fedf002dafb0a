"""Both ways of one bridge on one small `block` channel: its outward lane is one of the readers that its inward lane waits for."""

import contextlib
import threading
import time

from channel import BLOCK
from sp import Connection
from support import tcp, wait_until

PAIR0 = 0x10
MESSAGES = 3000
STALL = 3  # seconds: a lane that gives no sign of life for so long is restarted

LINK = """
    [gateway]
    name = test
    stall_timeout = {stall}s
    drain_timeout = 2s

    [bridge.link]
    pattern = pair
    direction = both
    channel = shm://link
    listen = {url}
    shm.policy = block
    shm.capacity = 64KiB
    shm.wait_readers = 1
    """


def link(url):
    return LINK.format(url=url, stall=STALL)


def body(who, number):
    return b"%s %d " % (who, number) + bytes(number % 1000)


def bodies(who):
    return [body(who, number) for number in range(MESSAGES)]


class Partner:
    """The remote end: it hears everything in a thread of its own while it speaks."""

    def __init__(self, url):
        self.connection = Connection.dial(url, PAIR0, timeout=60)
        self.heard = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        for message in self.connection.messages():
            self.heard.append(message)

    def speak(self):
        for message in bodies(b"remote"):
            self.connection.send(message)


def publish(writer):
    """The local messages, by a thread; each waits for room."""
    thread = threading.Thread(target=lambda: [writer.publish(message) for message in bodies(b"local")], daemon=True)
    thread.start()
    return thread


def test_a_flood_each_way_passes_through_one_small_channel(house, gateway):
    url = tcp()
    running = gateway(link(url))
    reader = house.reader("link")
    partner = Partner(url)
    wait_until(lambda: running.bridge("link")["state"] == "running", "it reads the channel, and has its peer")
    speakers = [publish(house.writer("link", policy=BLOCK)), threading.Thread(target=partner.speak, daemon=True)]
    speakers[1].start()
    seen = [reader.read(20)[0] for _ in range(2 * MESSAGES)]
    wait_until(lambda: len(partner.heard) >= MESSAGES, "the partner has heard everything")
    for speaker in speakers:
        speaker.join()
    assert partner.heard == bodies(b"local"), "in order, each once, and never its own"
    assert [message for message in seen if message.startswith(b"remote")] == bodies(b"remote")
    out, back = running.wait_for_balance("link")
    assert out["dropped"]["loop"] == back["forwarded"] == out["forwarded"] == MESSAGES
    assert running.bridge("link")["restarts"] == 0
    assert running.stop() == 0


def test_a_channel_that_fills_up_while_nobody_is_there_is_waited_for_and_not_restarted(house, gateway):
    url = tcp()
    running = gateway(link(url))
    speaker = publish(house.writer("link", policy=BLOCK))
    wait_until(lambda: running.bridge("link")["state"] == "connecting", "it waits for its peer")
    time.sleep(1.5 * STALL)
    bridge = running.bridge("link")
    assert (bridge["state"], bridge["restarts"]) == ("connecting", 0)
    assert "channel 'link' is read as soon as there is one" in bridge["reason"]
    partner = Partner(url)
    wait_until(lambda: len(partner.heard) >= MESSAGES, "the partner has heard everything")
    speaker.join()
    assert partner.heard == bodies(b"local")
    assert running.stop() == 0


@contextlib.contextmanager
def flooding(writer):
    """Publishes whenever there is room."""
    over = threading.Event()

    def fill():
        while not over.is_set():
            with contextlib.suppress(TimeoutError, BlockingIOError):
                writer.publish(bytes(30_000), seconds=0.1)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def speak_on(connection):
    with contextlib.suppress(ConnectionError):  # the end of the bridge
        while True:
            connection.send(bytes(1000))


def test_when_neither_side_takes_what_the_other_sends_the_bridge_says_so_and_can_be_stopped(house, gateway):
    """The partner speaks and does not listen; the room in the channel is taken by what it should hear."""
    url = tcp()
    running = gateway(link(url))
    deaf = Connection.dial(url, PAIR0, timeout=60)
    running.wait_for_peers("link", 1)
    with flooding(house.writer("link", policy=BLOCK)):
        threading.Thread(target=speak_on, args=[deaf], daemon=True).start()
        wait_until(lambda: "a reply_channel would keep" in running.bridge("link")["reason"], "it says what holds it")
        time.sleep(1.5 * STALL)
        bridge = running.bridge("link")
        assert (bridge["state"], bridge["restarts"]) == ("degraded", 0)
        assert running.stop() == 75, "it left something"
