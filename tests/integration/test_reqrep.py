"""Requests and replies: many at once, answered in any order, while whoever answers or carries them is killed. A client sees its own
answer or a time-out, and nothing else."""

import asyncio
import os
import signal
import subprocess

import pytest

from asking import REP, REQ, Client, Server, Wire, finished, local_requester, start_replier, start_requester, verdict
from sp import Connection
from support import drops, note, tcp, wait_until

CHANNELS = "channel = shm://orders\nreply_channel = shm://orders.replies"

ECHO = """
with pynng.Rep0(listen=sys.argv[1]) as replier:
    while True:
        replier.send(b"re:" + replier.recv())
"""


def inward(url, timeout="5s"):
    return f"""
        [bridge.orders]
        pattern = reqrep
        direction = in
        {CHANNELS}
        listen = {url}
        reqrep.timeout = {timeout}
        """


def outward(url, timeout="5s"):
    return f"""
        [bridge.orders]
        pattern = reqrep
        direction = out
        {CHANNELS}
        dial = {url}
        reqrep.timeout = {timeout}
        """


def lanes(running):
    """The outward and the inward lane, when their books balance."""
    running.wait_for_balance("orders")
    return running.lane_that_goes("orders", "out"), running.lane_that_goes("orders", "in")


# ---- in: remote requesters, local repliers ---------------------------------------------------------------------------


def with_pynng(pynng, url, clients, each):
    """Real programs: sockets with many contexts each, all asking at once. Returns how many were answered; anything else raises."""

    async def ask(socket, name):
        with socket.new_context() as context:
            await context.asend(name)
            answer = await context.arecv()
            assert answer == b"re:" + name, (name, answer)

    async def ask_all():
        sockets = [pynng.Req0(dial=url, recv_timeout=20_000) for _ in range(clients)]
        names = [(socket, f"pynng{i}:{n}".encode()) for i, socket in enumerate(sockets) for n in range(each)]
        await asyncio.gather(*(ask(*name) for name in names))
        for socket in sockets:
            socket.close()
        return len(names)

    return asyncio.run(ask_all())


def nngcats(house, url, count):
    """nngcat asks one question and prints the answer."""
    return [
        house.start("nngcat", "--req", "--dial", url, "--data", f"nngcat:{n}", "--raw", stdout=subprocess.PIPE)
        for n in range(count)
    ]


def test_a_thousand_requests_in_flight_are_answered_in_any_order(house, gateway, pynng):
    """All 1,000 are open before the first one is answered: 43 raw clients, 6 pynng programs' sockets, and 2 nngcats."""
    url = tcp()
    running = gateway(inward(url, "20s"))
    start_replier(house, "orders", "--hold", 1000, "--idle", 60_000)
    cats = nngcats(house, url, 2)
    clients = [Client(url, f"client{i}", 20, window=20, limit=20) for i in range(43)]
    answered = with_pynng(pynng, url, 6, 23)
    assert finished(clients) == (860, 0)
    assert answered == 138
    assert [cat.communicate(timeout=20)[0] for cat in cats] == ["re:nngcat:0", "re:nngcat:1"]
    out, into = lanes(running)
    assert into["forwarded"] == out["forwarded"] == 1000
    assert out["dropped_total"] == into["dropped_total"] == 0


@pytest.mark.parametrize("scheme", ["ipc", "ws"])
def test_a_thousand_in_flight_over(house, gateway, pynng, scheme):
    url = house.ipc("orders") if scheme == "ipc" else tcp().replace("tcp:", "ws:") + "/orders"
    running = gateway(inward(url, "20s"))
    start_replier(house, "orders", "--hold", 1000, "--idle", 60_000)
    assert with_pynng(pynng, url, 50, 20) == 1000
    out, _ = lanes(running)
    assert out["forwarded"] == 1000


def ask_while(url, kill, times, count=400, limit=1.0):
    """50 clients ask; kill() so often while answers flow. Returns (answered, expired)."""
    clients = [Client(url, f"client{i}", count, window=20, limit=limit) for i in range(50)]
    answered = lambda: sum(client.answered for client in clients)  # noqa: E731
    for _ in range(times):
        before = answered()
        wait_until(lambda: answered() > before + 2 * count, "answers flow")
        kill()
    return finished(clients, 120)


def test_a_replier_killed_and_restarted_is_a_time_out_and_never_a_wrong_answer(house, gateway):
    url = tcp()
    running = gateway(inward(url, "1s"))
    repliers = [start_replier(house, "orders", "--hold", 200)]

    def kill():
        repliers[-1].send_signal(signal.SIGKILL)
        repliers[-1].wait()
        repliers.append(start_replier(house, "orders", "--hold", 200))

    answered, expired = ask_while(url, kill, 5)

    note(f"reqrep, replier killed 5 times: {answered} of 20000 requests answered, {expired} timed out")
    assert answered > 4_000 and expired > 0
    assert finished([Client(url, "afterwards", 100)]) == (100, 0)
    lanes(running)


def test_a_worker_killed_in_the_middle_is_a_time_out_and_never_a_wrong_answer(house, gateway):
    url = tcp()
    running = gateway(inward(url, "2s"))
    # Slow: when the worker is back, there are answers still to come to what its predecessor was asked.
    start_replier(house, "orders", "--hold", 500, "--delay", 400)

    def kill():
        worker = running.bridge("orders")["worker_pid"]
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: running.bridge("orders")["worker_pid"] not in (0, worker), "the worker is started again")

    answered, expired = ask_while(url, kill, 5, count=150, limit=2.0)

    note(f"reqrep, worker killed 5 times: {answered} of 7500 requests answered, {expired} timed out")
    assert answered > 1_500 and expired > 0
    assert finished([Client(url, "afterwards", 100, limit=20)]) == (100, 0)


def test_late_doubled_and_unknown_answers_are_counted_and_never_delivered(house, gateway):
    url = tcp()
    running = gateway(inward(url, "2s"))
    questions, answers = house.reader("orders"), house.writer("orders.replies")
    client = Client(url, "client", 2, window=1, limit=2.5)

    body, tag = questions.read()
    for _ in range(3):
        answers.publish(b"re:" + body, tag)
    answers.publish(b"re:nobody", tag ^ 1 << 63)
    body, tag = questions.read()
    assert finished([client]) == (1, 1)
    somebody = Connection.dial(url, REQ)  # or the answer would be dropped because nobody is there
    running.wait_for_peers("orders", 1)
    answers.publish(b"re:" + body, tag)  # late: the client has given up, and the bridge has before it
    wait_until(lambda: running.lane_that_goes("orders", "out")["dropped"]["expired"] == 1, "the late answer is counted")

    out, into = lanes(running)
    assert into["forwarded"] == 2 and out["forwarded"] == 1
    assert drops(out) == {"duplicate": 2, "unknown": 1, "expired": 1}
    somebody.close()
    assert client.late == 0


# ---- out: local requesters, remote repliers ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["tcp", "ipc", "ws"])
def test_local_requesters_are_answered_by_a_remote_replier(house, gateway, pynng, scheme):
    url = {"tcp": tcp(), "ipc": house.ipc("orders"), "ws": tcp().replace("tcp:", "ws:") + "/orders"}[scheme]
    Server(house, ECHO, url)
    running = gateway(outward(url))
    running.wait_for_peers("orders", 1)
    asking = [start_requester(house, "orders", "--name", f"local{i}", "--count", 2000, "--open", 50) for i in range(3)]
    for process in asking:
        said = verdict(process)
        assert said["answered"] == 2000 and said["expired"] == said["wrong"] == 0
    out, into = lanes(running)
    assert out["forwarded"] == into["forwarded"] == 6000


def test_a_remote_replier_killed_and_restarted_is_a_time_out_and_never_a_wrong_answer(house, gateway, pynng):
    url = tcp()
    server = Server(house, ECHO, url)
    running = gateway(outward(url, "500ms"))
    running.wait_for_peers("orders", 1)
    how = ("--count", 10_000, "--open", 50, "--limit", 500)
    asking = [start_requester(house, "orders", "--name", f"local{i}", *how) for i in range(3)]
    forwarded = lambda: running.lane_that_goes("orders", "in")["forwarded"]  # noqa: E731
    for _ in range(5):
        before = forwarded()
        wait_until(lambda: forwarded() > before + 1000, "answers flow")
        server.kill()
        server.start()
    verdicts = [verdict(process, 120) for process in asking]
    note(f"reqrep out, remote replier killed 5 times: {verdicts}")
    for one in verdicts:
        assert one["answered"] + one["expired"] == 10_000
    assert sum(one["answered"] for one in verdicts) > 2_000 and sum(one["expired"] for one in verdicts) > 0
    lanes(running)


def test_what_a_remote_replier_should_not_say_is_counted_and_never_delivered(house, gateway):
    remote = Wire(REP)
    running = gateway(outward(remote.url, "2s"))
    remote.accept()
    requester = local_requester(house, "orders")

    tag = requester.send(b"first")
    number, body = remote.receive()
    assert body == b"first"
    for _ in range(3):
        remote.send(number, b"an answer")
    remote.send(number ^ 1 << 30, b"to nobody")
    assert requester.receive() == (tag, b"an answer")

    late = requester.send(b"second", limit=2.2)
    number, _ = remote.receive()
    assert requester.receive() == (late, None)
    remote.send(number, b"late")
    wait_until(lambda: running.lane_that_goes("orders", "in")["dropped"]["expired"] == 1, "the late answer is counted")

    last = requester.send(b"third")
    number, _ = remote.receive()
    remote.send(number, b"another")
    assert requester.receive() == (last, b"another")
    assert requester.receive(0) is None and requester.ignored() == 0
    _, into = lanes(running)
    assert into["forwarded"] == 2
    assert drops(into) == {"duplicate": 2, "unknown": 1, "expired": 1}
    remote.close()
