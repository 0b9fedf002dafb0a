"""What the tests that kill have in common: a bridge under load whose stream is checked message by message, and how long it
was away."""

import random
import statistics
import time

from sp import Receiver, faults
from stream import Stream, number_of
from support import note, wait_until


class Load:
    """A producer into a block channel, a bridge that pushes it to a receiver, and what arrives there."""

    def __init__(self, house, name, sizes=(8, 1024), rate=4000, pause=0.0):
        self.name = name
        self.stream = Stream(seed=len(name), sizes=sizes)
        self.receiver = Receiver(self.check, pause=pause)
        how = ("--policy", "block", "--seed", self.stream.seed, "--sizes", f"{sizes[0]}-{sizes[1]}", "--rate", rate)
        self.producer = house.produce(name, *how, "--readers", 1)

    def check(self, data):
        number = number_of(data)
        assert self.stream.matches(number, data), f"{self.name}: message {number} is damaged"
        return number

    def section(self):
        return f"""
            [bridge.{self.name}]
            pattern = pipeline
            direction = out
            channel = shm://{self.name}
            dial = {self.receiver.url}
            """

    def wait_for_progress(self):
        """Until messages arrive that were not there before."""
        before = self.receiver.highest
        wait_until(lambda: self.receiver.highest > before, f"{self.name} moves on from {before}", pause=0.001)

    def wait_for_new_connection(self, since):
        """Until a connection made after `since` ones brought a message; when that came."""

        def came():
            return next((one.first for one in self.receiver.arrivals[since:] if one.first), None)

        return wait_until(came, f"{self.name} is back", pause=0.001)

    def finish(self):
        """Stops the producer, waits for all that it published and returns (how many, how many came again)."""
        self.producer.terminate()
        sent = int(self.producer.communicate(timeout=20)[0])
        self.receiver.pause = 0
        wait_until(lambda: self.receiver.highest == sent - 1, f"{self.name}: all {sent} messages are there")
        wait_until(self.receiver.is_drained, f"{self.name}: what was under way is there")
        assert not self.receiver.errors, self.receiver.errors[:5]
        wrong, again = faults(self.receiver.arrivals)
        assert not wrong, wrong[:5]
        return sent, again


def kill_under_load(load, kill, times):
    """Calls kill() so often, each time when messages flow; returns the seconds that the bridge was away each time."""
    away = []
    for _ in range(times):
        load.wait_for_progress()
        time.sleep(random.uniform(0, 0.02))  # another instant of its work each time
        connections, killed = len(load.receiver.arrivals), time.monotonic()
        kill()
        away.append(load.wait_for_new_connection(connections) - killed)
    return away


def report(what, away):
    cuts = statistics.quantiles(away, n=100)
    late = sum(seconds > 1 for seconds in away)
    note(
        f"{what}: {len(away)} times; away {min(away):.3f} s at least, {statistics.median(away):.3f} s in the median, "
        f"{cuts[94]:.3f} s at 95 %, {max(away):.3f} s at most; longer than a second {late} times"
    )


def assert_back_within_a_second(away):
    """The figure is for people; the bound leaves a machine with two cores and other work a few late ones."""
    assert sum(seconds > 1 for seconds in away) <= len(away) // 20
    assert max(away) < 5
