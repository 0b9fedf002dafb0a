"""Starting and stopping: drained by SIGTERM, at once by a second signal, and refusals that say why."""

import contextlib
import signal
import socket
import time

from killing import Load
from sp import PULL, PUSH, Connection
from support import LEATD, free_port, is_alive, tcp, wait_until


def test_sigterm_under_load_drains_and_loses_nothing(house, gateway):
    load = Load(house, "stream")
    running = gateway(load.section())
    load.wait_for_progress()
    worker = running.bridge("stream")["worker_pid"]

    assert running.stop() == 0

    assert not is_alive(worker)
    running.start()
    sent, again = load.finish()
    assert again == 0, "what was drained came again"


def wait_for_full_pipes(running):
    """Something has been forwarded, and for a while nothing more is: from now on a drain cannot end."""
    forwarded = lambda: running.lane("stuck")["forwarded"]  # noqa: E731
    wait_until(lambda: forwarded() > 0 and forwarded() == (time.sleep(0.3), forwarded())[1], "the pipes are full")


def test_what_cannot_be_drained_ends_at_the_deadline_with_75(house, gateway):
    """A peer that takes nothing more: the pipes fill up, and something stays in flight."""
    url = tcp()
    house.produce("stuck", "--policy", "block", "--sizes", "60000-65000")
    running = gateway(f"""
        [gateway]
        name = test
        drain_timeout = 500ms
        [bridge.stuck]
        pattern = pipeline
        direction = out
        channel = shm://stuck
        listen = {url}
        """)
    deaf = Connection.dial(url, PULL)
    wait_for_full_pipes(running)
    started = time.monotonic()

    assert running.stop() == 75

    assert time.monotonic() - started < 5
    deaf.close()


def test_what_the_channel_did_not_take_in_time_is_dropped_and_said_with_75(house, gateway):
    """A reader that takes nothing: the channel is full, and what the pusher has handed over cannot be written."""
    url = tcp()
    running = gateway(f"""
        [gateway]
        name = test
        drain_timeout = 500ms
        [bridge.jobs]
        pattern = pipeline
        direction = in
        channel = shm://jobs
        listen = {url}
        shm.policy = block
        shm.capacity = 64KiB
        """)
    reader = house.reader("jobs")
    pusher = Connection.dial(url, PUSH)
    for _ in range(12):
        pusher.send(bytes(10_000))
    wait_until(lambda: running.lane("jobs")["in_flight"] == 1, "the channel is full")
    forwarded = running.lane("jobs")["forwarded"]

    assert running.stop() == 75

    lane = running.lane("jobs")
    assert lane["dropped"]["shutdown"] == 12 - forwarded and lane["balanced"], lane
    assert f"dropped {12 - forwarded} + returned 0" in running.log()
    for _ in range(forwarded):
        reader.read()
    pusher.close()


def test_sigterm_under_an_inward_load_ends_with_nothing_left_behind(house, gateway):
    url, sent = tcp(), 0
    running = gateway(f"""
        [bridge.feed]
        pattern = pipeline
        direction = in
        channel = shm://feed
        listen = {url}
        """)
    pusher = Connection.dial(url, PUSH)
    running.send(signal.SIGTERM)
    with contextlib.suppress(OSError):
        while running.process.poll() is None:
            pusher.send(bytes(100))
            sent += 1
            time.sleep(0.0005)
    assert running.process.wait(20) == 0
    lane = running.lane("feed")
    assert 0 < lane["forwarded"] == lane["read"] <= sent
    pusher.close()


def test_a_second_sigint_stops_at_once(house, gateway):
    url = tcp()
    house.produce("stuck", "--policy", "block", "--sizes", "60000-65000")
    running = gateway(f"""
        [gateway]
        name = test
        drain_timeout = 60s
        [bridge.stuck]
        pattern = pipeline
        direction = out
        channel = shm://stuck
        listen = {url}
        """)
    deaf = Connection.dial(url, PULL)
    wait_for_full_pipes(running)
    worker = running.bridge("stuck")["worker_pid"]
    running.send(signal.SIGINT)
    wait_until(lambda: running.bridge("stuck")["state"] == "stopping", "it is stopping")

    started = time.monotonic()
    running.stop(signal.SIGINT)

    assert time.monotonic() - started < 3
    wait_until(lambda: not is_alive(worker), "the worker is gone")
    deaf.close()


def test_a_port_in_use_is_said_at_start_and_nothing_runs(house):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        refused = house.gateway(f"""
            [bridge.news]
            pattern = pubsub
            direction = out
            channel = shm://news
            listen = {url}
            """, wait=False)
        assert refused.process.wait(20) == 78
    line = refused.configuration.read_text().splitlines().index(f"listen = {url}") + 1
    assert f"{refused.configuration}:{line}: " in refused.log()
    assert url in refused.log() and "in use" in refused.log()


def test_a_second_gateway_of_the_same_name_is_refused(house, gateway):
    def text():
        return f"""
            [gateway]
            name = twin
            [bridge.news]
            pattern = pubsub
            direction = out
            channel = shm://news
            listen = tcp://127.0.0.1:{free_port()}
            """

    first = house.gateway(text(), name="twin")
    first.configuration.rename(house.path("first.ini"))
    second = house.gateway(text(), name="twin", wait=False)
    assert second.process.wait(20) == 69
    assert "twin" in second.log()
    assert first.process.poll() is None
    assert first.stop() == 0


def test_check_accepts_what_runs_and_touches_nothing(house, gateway):
    url = tcp()
    writer = house.writer("news")
    running = gateway(f"""
        [bridge.news]
        pattern = pubsub
        direction = in
        channel = shm://news
        dial = {url}
        """)
    before = sorted(file.name for file in house.shm.iterdir())
    worker = running.bridge("news")["worker_pid"]

    answer = house.run(LEATD, "--check", "-c", running.configuration)

    assert answer.returncode == 0, answer.stderr
    assert sorted(file.name for file in house.shm.iterdir()) == before
    assert running.bridge("news")["worker_pid"] == worker and is_alive(worker)
    writer.publish(b"still here")
