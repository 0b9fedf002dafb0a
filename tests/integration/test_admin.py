"""The admin side as its users have it: a browser, Prometheus, scripts, and those who mean it no good."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from support import TOP, free_port, wait_until

DOCUMENT = (TOP / "sdk/doc/admin-api.md").read_text()
TOKEN = "a-token-of-this-test-only"


class Admin:
    """The admin side of a gateway with one bridge out, which has one peer, and one in."""

    def __init__(self, house, gateway, *keys):
        self.port, bridge = free_port(), free_port()
        self.running = gateway(f"""
            [gateway]
            name = test
            admin = http://127.0.0.1:{self.port}
            {keys[0] if keys else ''}
            [bridge.quotes]
            pattern = pubsub
            direction = out
            channel = shm://quotes
            listen = tcp://127.0.0.1:{bridge}
            [bridge.mirror]
            pattern = pubsub
            direction = in
            channel = shm://mirror
            dial = tcp://127.0.0.1:{bridge}
            """)
        self.writer = house.writer("quotes")
        self.running.wait_for_peers("quotes", 1)
        wait_until(self.runs, "both bridges run", pause=0.05)

    def runs(self):
        """Answers are 0.1 s old at most; those of a gateway that has just begun say so."""
        status, body = self.ask("/api/v1/bridges", Authorization=f"Bearer {TOKEN}")
        return status == 200 and [bridge["state"] for bridge in json.loads(body)["bridges"]] == ["running", "running"]

    def ask(self, path, method="GET", **headers):
        """Status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def json(self, path):
        status, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def publish(self, count):
        """As many messages, once in a test, and waits until the answers show that they are forwarded."""
        for _ in range(count):
            self.writer.publish(b"x" * 100)

        def forwarded():
            lanes = self.json("/api/v1/bridges/quotes")["lanes"]
            return lanes and lanes[0]["forwarded"] == count

        wait_until(forwarded, "all are forwarded", pause=0.05)


@pytest.fixture
def admin(house, gateway):
    return Admin(house, gateway)


# ---- the document ------------------------------------------------------------------------------------------------------


def described(heading):
    """The members that the table below a heading names."""
    [section] = re.findall(rf"^##+ `?{re.escape(heading)}`?\n(.*?)(?=^##|\Z)", DOCUMENT, re.M | re.S)
    return set(re.findall(r"^\| `(\w+)` \|", section, re.M))


def test_the_document_describes_every_member_of_every_answer_and_no_other(admin):
    admin.publish(10)
    wait_until(lambda: admin.json("/api/v1/history")["times_ns"], "there is a history")
    wait_until(lambda: admin.json("/api/v1/bridges/quotes")["peers_shown"], "the peer is shown")
    bridges, bridge, events = admin.json("/api/v1/bridges"), admin.json("/api/v1/bridges/quotes"), admin.json("/api/v1/events")
    lane = bridge["lanes"][0]
    for heading, answer in {
        "/health": admin.json("/health"),
        "/ready": admin.json("/ready"),
        "/api/v1/gateway": admin.json("/api/v1/gateway"),
        "/api/v1/bridges": bridges,
        "a bridge": bridge,
        "traffic": bridge["traffic"],
        "a lane": lane,
        "dropped": lane["dropped"],
        "latency": lane["latency"],
        "a step": lane["latency"]["steps"][0],
        "a peer": bridge["peers_shown"][0],
        "/api/v1/events": events,
        "an event": events["events"][0],
        "/api/v1/history": admin.json("/api/v1/history"),
    }.items():
        assert set(answer) == described(heading), heading
    assert set(bridges["bridges"][0]) == described("a bridge") - {"peers_shown"}


def test_answers_are_what_the_ledger_says(admin):
    admin.publish(100)
    lane, ledger = admin.json("/api/v1/bridges/quotes")["lanes"][0], admin.running.lane("quotes")
    for key in ("channel", "direction", "read", "read_bytes", "forwarded", "dropped_total", "dropped", "returned", "in_flight"):
        assert lane[key] == ledger[key], key
    assert lane["books"] == "balanced" and lane["off_by"] == 0
    assert lane["latency"]["count"] == sum(step["count"] for step in lane["latency"]["steps"]) > 0


def test_what_was_seen_is_not_answered_again(admin):
    events = admin.json("/api/v1/events")["events"]
    assert [event["number"] for event in events] == sorted(event["number"] for event in events)
    last = events[-1]["number"]
    assert all(event["number"] > last for event in admin.json(f"/api/v1/events?after={last}")["events"])
    seconds = wait_until(lambda: admin.json("/api/v1/history?bridge=quotes")["times_ns"][1:], "two seconds have passed")
    again = admin.json(f"/api/v1/history?bridge=quotes&after={seconds[0]}")["times_ns"]
    assert again == [] or again[0] > seconds[0]
    assert admin.ask("/api/v1/history?after=soon")[0] == 400
    assert admin.ask("/api/v1/events?after=-1")[0] == 400
    for path in ("/nothing", "/api/v1/bridges/nobody", "/api/v1/bridges/", "/api/v1/history?bridge=nobody", "/../etc/passwd"):
        assert admin.ask(path)[0] == 404, path


# ---- Prometheus --------------------------------------------------------------------------------------------------------


def test_promtool_finds_nothing_wrong_with_the_metrics(admin):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not here (Debian's package prometheus)")
    admin.publish(50)
    status, text = admin.ask("/metrics")
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert status == 200 and checked.returncode == 0, checked.stdout + checked.stderr
    assert re.search(r'^leat_lane_forwarded_messages_total\{lane="0",direction="out",bridge="quotes",channel="shm://quotes"} 50$', text, re.M)


def test_the_dashboard_shows_what_there_is(admin):
    dashboard = (TOP / "packaging/grafana/leat.json").read_text()
    families = set(re.findall(r"^# TYPE (\w+)", admin.ask("/metrics")[1], re.M))
    named = {re.sub("_bucket$", "", name) for name in re.findall(r"\bleat_\w+", dashboard)}
    assert named and named <= families
    assert len({panel["id"] for panel in json.loads(dashboard)["panels"]}) > 10


# ---- health ------------------------------------------------------------------------------------------------------------


def test_a_bridge_that_failed_makes_the_gateway_not_ready_and_says_why(house, gateway):
    admin = Admin(house, gateway, "restart_min = 10s")
    wait_until(lambda: admin.ask("/ready")[0] == 200, "it is ready", pause=0.02)
    os.kill(admin.running.bridge("mirror")["worker_pid"], signal.SIGKILL)
    wait_until(lambda: admin.ask("/ready")[0] == 503, "it is not ready", pause=0.02)
    [reason] = [reason for reason in json.loads(admin.ask("/ready")[1])["reasons"] if reason["blocks"]]
    assert reason["bridge"] == "mirror" and "SIGKILL" in reason["reason"]
    assert admin.ask("/health")[0] == 200


# ---- who may ask, and how much -----------------------------------------------------------------------------------------


def test_with_a_token_only_those_who_show_it_are_answered(house, gateway):
    admin = Admin(house, gateway, f"admin_token = {TOKEN}")
    for path in ("/metrics", "/ready", "/api/v1/gateway", "/api/v1/history", "/nothing"):
        assert admin.ask(path)[0] == 401, path
        assert admin.ask(path, Authorization=f"Bearer {TOKEN}x")[0] == 401
        assert admin.ask(f"{path}?token={TOKEN[:-1]}")[0] == 401
        for status in (admin.ask(path, Authorization=f"Bearer {TOKEN}")[0], admin.ask(f"{path}?token={TOKEN}")[0]):
            assert status == (404 if path == "/nothing" else 200)
    assert admin.ask("/health")[0] == 200
    assert TOKEN not in admin.ask("/")[1] and "quotes" not in admin.ask("/")[1]
    assert TOKEN not in admin.running.log()


def test_without_a_token_no_web_page_can_ask_under_a_name_of_its_own(admin):
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::1"):
        assert admin.ask("/api/v1/gateway", Host=host)[0] == 403, host
    for host in ("localhost", f"localhost:{admin.port}", "127.0.0.1", "[::1]:1"):
        assert admin.ask("/api/v1/gateway", Host=host)[0] == 200, host


def test_it_is_for_reading(admin):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert admin.ask("/api/v1/gateway", method)[0] == 405, method
    assert admin.ask("/api/v1/gateway", "HEAD") == (200, "")


def raw(port, data):
    """What comes back until the other side closes or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            return sock.recv(1 << 16)
        except OSError:
            return b""


def test_hostile_bytes_and_crowds_harm_nobody(admin):
    pid = admin.running.process.pid
    for data in (
        b"\0" * 1000,
        os.urandom(5000),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET /api/v1/bridges/%00%ff%2e%2e HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ):
        raw(admin.port, data)
    crowd = [socket.create_connection(("127.0.0.1", admin.port), timeout=5) for _ in range(120)]
    for sock in crowd:
        try:
            sock.sendall(b"GET /health HTTP/1.1\r\n")
        except OSError:
            pass  # there was no room for it
    admin.writer.publish(b"goes on")
    wait_until(lambda: admin.running.lane("quotes")["forwarded"] >= 1, "the bridge goes on")
    for sock in crowd:
        sock.close()
    assert wait_until(lambda: answers(admin), "it answers again")
    assert admin.running.process.pid == pid and admin.running.process.poll() is None


def answers(admin):
    try:
        return admin.ask("/health")[0] == 200
    except OSError:
        return False


# ---- the page ----------------------------------------------------------------------------------------------------------


def shown(browser, name):
    return browser.text(f"[data-bridge='{name}']")


@pytest.mark.parametrize("dark, width", [(False, 1280), (True, 1280), (False, 400), (True, 400)])
def test_the_page_shows_bridges_rates_books_and_peers(admin, browser, tmp_path, dark, width):
    admin.publish(1000)
    browser.complaints.clear()
    browser.show(f"http://127.0.0.1:{admin.port}/", dark=dark, width=width)
    wait_until(lambda: "running" in shown(browser, "quotes") and "running" in shown(browser, "mirror"), "both bridges are shown", pause=0.05)
    browser.wait_for_text("#gateway", "test")
    browser.wait_for_text("#tiles", "2 of 2")
    browser.evaluate("document.querySelector(\"[data-bridge='quotes'] .toggle\").click()")
    for wanted in ("balanced", "shm://quotes", "127.0.0.1:", "99 % within"):
        wait_until(lambda: wanted in shown(browser, "quotes"), wanted, pause=0.05)
    browser.wait_for_text("#events", "running")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    lines = "document.querySelectorAll('#charts path.line').length"
    wait_until(lambda: browser.evaluate(lines) == 8, "two lines stand in each of four charts", pause=0.05)
    light = browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)"
    assert light != dark
    browser.screenshot(tmp_path / "page.png")
    assert browser.complaints == []


def test_the_page_asks_nobody_but_its_gateway(admin, browser):
    browser.show(f"http://127.0.0.1:{admin.port}/")
    browser.wait_for_text("#tiles", "2 of 2")
    asked = browser.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked and all(name.startswith((f"http://127.0.0.1:{admin.port}/api/v1/", "data:")) for name in asked), asked
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", pathlib.Path(TOP / "gateway/admin/page/index.html").read_text())


def test_the_page_asks_for_the_token_and_keeps_it_out_of_its_address(house, gateway, browser):
    admin = Admin(house, gateway, f"admin_token = {TOKEN}")
    url = f"http://127.0.0.1:{admin.port}/"
    browser.show(url)
    browser.wait_for_text("#door", "admin_token")
    say = "document.getElementById('token').value = '{}'; document.getElementById('door').requestSubmit()"
    browser.evaluate(say.format("not-this-one-at-all"))
    browser.wait_for_text("#door", "It did not take this one")
    browser.evaluate(say.format(TOKEN))
    browser.wait_for_text("#tiles", "2 of 2")
    browser.evaluate("sessionStorage.clear()")
    browser.show(f"{url}?token={TOKEN}")
    browser.wait_for_text("#tiles", "2 of 2")
    assert browser.evaluate("location.href") == url


def test_text_from_outside_stays_text(house, gateway, browser):
    port = free_port()
    gateway(f"""
        [gateway]
        name = test
        admin = http://127.0.0.1:{port}
        [bridge.a]
        pattern = pubsub
        direction = in
        channel = shm://a
        dial = ipc:///nowhere/<img/src=x/onerror=document.title='pwned'>
        """)
    browser.show(f"http://127.0.0.1:{port}/")
    wait_until(lambda: "<img/src=x" in shown(browser, "a"), "the URL is shown as it is", pause=0.05)
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.evaluate("document.title") == "test – leat"
