"""leat top, on a terminal as a person has it."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

from support import LEAT, tcp, wait_until

CONFIGURATION = """
[bridge.quotes]
pattern = pubsub
direction = out
channel = shm://quotes
listen = {url}

[bridge.orders-whose-name-is-longer-than-most]
pattern = pipeline
direction = out
channel = shm://orders
dial = {nobody}
"""


class Screen:
    """A terminal of a size, with leat top on it. What stands there is what came since the cursor last went home."""

    def __init__(self, house, columns, lines, *arguments):
        self.master, slave = pty.openpty()
        self.resize(columns, lines)
        self.process = house.start(LEAT, "top", *arguments, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        self.bytes = b""

    def resize(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, key):
        os.write(self.master, key.encode())

    def read(self, seconds=0.05):
        while select.select([self.master], [], [], seconds)[0]:
            try:
                self.bytes += os.read(self.master, 65536)
            except OSError:
                return

    def lines(self):
        """The last whole screen, without styles."""
        self.read()
        screens = self.bytes.split(b"\033[H")
        text = screens[-1] if b"q quit" in screens[-1] else screens[-2] if len(screens) > 1 else b""
        return re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", text.decode()).replace("\r", "").split("\n")

    def shows(self, text):
        return any(text in line for line in self.lines())

    def wait_for(self, text):
        wait_until(lambda: self.shows(text), f"the screen shows {text!r}:\n" + "\n".join(self.lines()))
        return self.lines()


@pytest.fixture
def running(house, gateway):
    writer = house.writer("quotes")
    running = gateway(CONFIGURATION.format(url=tcp(), nobody=tcp()))
    wait_until(lambda: running.bridge("quotes")["state"] == "running", "quotes runs")
    running.writer = writer
    return running


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_every_line_fits_a_terminal_of_any_width(house, running, columns):
    screen = Screen(house, columns, 24)
    lines = screen.wait_for("quotes")
    assert len(lines) <= 24 and max(len(line) for line in lines) <= columns
    [title] = [line for line in lines if line.startswith("BRIDGE")]
    assert "STATE" in title and "FWD/s" in title and ("RESTARTS" in title) == (columns > 100)
    screen.press("q")
    assert screen.process.wait(10) == 0
    screen.read()
    assert screen.bytes.endswith(b"\033[?7h\033[?25h\033[?1049l")


def test_it_follows_the_terminals_size_and_the_keys(house, running):
    screen = Screen(house, 120, 24, "test", "--interval=200ms")
    screen.wait_for("P99")
    screen.resize(50, 10)
    os.kill(screen.process.pid, signal.SIGWINCH)
    wait_until(lambda: 5 < len(screen.lines()) <= 10 and max(map(len, screen.lines())) <= 50, "it is drawn smaller:\n" + "\n".join(screen.lines()))
    screen.resize(120, 40)
    os.kill(screen.process.pid, signal.SIGWINCH)
    screen.press("l")
    screen.wait_for("< shm://quotes")
    screen.press("s")
    screen.wait_for("s sort: rate")
    screen.press("\033[B")
    wait_until(lambda: not any(line.startswith("quotes ") for line in screen.lines()), "the list has moved")
    screen.process.send_signal(signal.SIGTERM)
    assert screen.process.wait(10) == 0


def test_rates_are_those_of_the_interval(house, running):
    end = time.monotonic() + 1.2
    top = house.start(LEAT, "top", "--once", "--json", "--interval=1s", stdout=-1)
    published = 0
    while time.monotonic() < end:
        running.writer.publish(b"x" * 100)
        published += 1
        time.sleep(0.002)
    seen = json.loads(top.communicate(timeout=20)[0])
    quotes = seen["bridges"][0]
    assert 0.9e9 < seen["interval_ns"] < 5e9
    assert 0 < quotes["per_second"]["read"] <= published / (seen["interval_ns"] / 1e9) * 1.3 + 1
    assert quotes["lanes"][0]["per_second"] == {**quotes["per_second"], "lost": 0}
    assert any(event["bridge"] == "quotes" and event["text"] == "running" for event in seen["events"])


def test_a_dead_gateways_page_is_shown_as_that(house, running):
    running.send(signal.SIGKILL)
    running.process.wait()
    answer = house.run(LEAT, "top", "--once")
    assert answer.returncode == 0 and "gateway test: dead; these are its last books" in answer.stdout
    assert "quotes" in answer.stdout and "\033" not in answer.stdout


def test_without_a_gateway_it_says_so(house):
    assert house.run(LEAT, "top").returncode == 66
    assert house.run(LEAT, "top", "--sort=age").returncode == 64
