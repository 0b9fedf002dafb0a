"""A real browser as a peer: sdk/js in a headless Chromium, against bridges over WebSocket."""

import json
import os
import signal
import urllib.parse

import pytest

import browser as chromium
from certificates import Authority
from support import TOP, free_port, wait_until

WORKS = "import('./leat.js').then((leat) => void Object.assign(globalThis, leat))"


@pytest.fixture(scope="module")
def site():
    site = chromium.Site(TOP / "sdk" / "js")
    yield site
    site.close()


@pytest.fixture
def page(browser, site):
    """page(kind, url): the page that ships, connected."""

    def show(kind=None, url=None, **more):
        query = urllib.parse.urlencode({"kind": kind, "url": url, **more} if kind else {})
        browser.complaints.clear()
        browser.show(f"{site.origin}/?{query}")
        return browser

    yield show
    assert browser.complaints == []


@pytest.fixture
def script(page):
    """A page in which leat.js is at hand by name, not connected to anything."""
    shown = page()
    shown.evaluate(WORKS)
    return shown


def ws(path):
    return f"ws://127.0.0.1:{free_port()}{path}"


def bridge(name, pattern, direction, url, *more):
    lines = [f"[bridge.{name}]", f"pattern = {pattern}", f"direction = {direction}", f"channel = shm://{name}", f"listen = {url}"]
    return "\n".join([*lines, *more]) + "\n"


def test_live_messages_appear_in_the_page(house, gateway, page):
    url = ws("/quotes")
    writer = house.writer("quotes")
    running = gateway(bridge("quotes", "pubsub", "out", url))
    shown = page("subscribe", url)
    running.wait_for_peers("quotes", 1)
    shown.wait_for_text("#state", "connected")
    for index in range(500):
        writer.publish(f"metal/gold {index}".encode())
    shown.wait_for_text("#messages li:first-child .body", "metal/gold 499")
    shown.wait_for_text("#count", "500")
    writer.publish(bytes([0xFF, 0x00, 0x7F]))
    shown.wait_for_text("#messages li:first-child .body", "ff 00 7f")
    writer.publish(b"<img src=x onerror=document.title='broken'>")
    shown.wait_for_text("#messages li:first-child .body", "<img src=x")
    assert shown.evaluate("document.title") == "leat: live messages"


def test_the_page_shows_only_its_topics(house, gateway, page):
    url = ws("/quotes")
    writer = house.writer("quotes")
    running = gateway(bridge("quotes", "pubsub", "out", url))
    shown = page("subscribe", url, topics="metal/ crop/")
    running.wait_for_peers("quotes", 1)
    for message in (b"metal/gold", b"wood/oak", b"crop/corn", b"met"):
        writer.publish(message)
    shown.wait_for_text("#messages li:first-child .body", "crop/corn")
    assert shown.text("#count") == "2"


@pytest.mark.parametrize("kind, pattern, option", [
    ("pair", "pair", ""), ("pair1", "pair", "pair.version = 1"), ("bus", "bus", ""),
])  # fmt: skip
def test_what_the_page_sends_arrives_and_back(house, gateway, page, kind, pattern, option):
    url = ws("/talk")
    writer = house.writer("talk")
    running = gateway(bridge("talk", pattern, "both", url, option, "reply_channel = shm://heard"))
    heard = house.reader("heard")
    shown = page(kind, url)
    running.wait_for_peers("talk", 1)
    shown.wait_for_text("#state", "connected")
    for text in ("grüß dich", "twice"):
        shown.evaluate(f"document.getElementById('text').value = {json.dumps(text)}; document.getElementById('compose').requestSubmit()")
        assert heard.read()[0] == text.encode()
        shown.wait_for_text("#messages li.sent .body", text)
    writer.publish(b"and to you")
    shown.wait_for_text("#messages li:first-child .body", "and to you")


def test_the_page_is_back_after_its_worker_was_killed(house, gateway, page):
    url = ws("/quotes")
    writer = house.writer("quotes")
    running = gateway(bridge("quotes", "pubsub", "out", url))
    shown = page("subscribe", url)
    running.wait_for_peers("quotes", 1)
    for round_ in range(2):
        before = running.bridge("quotes")["worker_pid"]
        os.kill(before, signal.SIGKILL)
        shown.wait_for_text("#error", "ended")
        wait_until(lambda: running.bridge("quotes")["worker_pid"] not in (0, before), "the worker runs again")
        shown.wait_for_text("#state", "connected")
        running.wait_for_peers("quotes", 1)
        writer.publish(f"again {round_}".encode())
        shown.wait_for_text("#messages li:first-child .body", f"again {round_}")
        assert shown.text("#error") == ""


def test_a_page_that_was_left_is_no_peer_until_it_is_shown_again(house, gateway, page, site):
    """A browser keeps pages alive to go back to them; a pair has room for one peer."""
    url = ws("/talk")
    running = gateway(bridge("talk", "pair", "both", url, "shm.capacity = 1MiB"))
    shown = page("pair", url)
    running.wait_for_peers("talk", 1)
    shown.show(f"{site.origin}/leat.js")
    running.wait_for_peers("talk", 0)
    shown.evaluate("history.back()")
    running.wait_for_peers("talk", 1)
    shown.wait_for_text("#state", "connected")


def test_a_page_of_another_origin_is_sent_away(house, gateway, page, site):
    url = ws("/quotes")
    house.writer("quotes")
    gateway(bridge("quotes", "pubsub", "out", url, "ws.origins = https://desk.example, http://localhost:1"))
    shown = page("subscribe", url)
    shown.wait_for_text("#error", f"does not admit pages from {site.origin}")


def test_a_page_of_a_listed_origin_is_let_in(house, gateway, page, site):
    url = ws("/quotes")
    writer = house.writer("quotes")
    running = gateway(bridge("quotes", "pubsub", "out", url, f"ws.origins = https://desk.example, {site.origin}"))
    shown = page("subscribe", url)
    running.wait_for_peers("quotes", 1)
    writer.publish(b"gold")
    shown.wait_for_text("#messages li:first-child .body", "gold")


def test_the_page_is_served_over_tls_too(house, gateway, page, browser, site):
    """The certificate is one that the browser is told to let pass; everything else is as in life."""
    identity = Authority(house.folder, "ca").issue("gateway", "IP:127.0.0.1")
    url = ws("/talk").replace("ws:", "wss:")
    writer = house.writer("talk")
    options = [f"tls.cert = {identity.certificate}", f"tls.key = {identity.key}", f"tls.origins = {site.origin}"]
    running = gateway(bridge("talk", "pair", "both", url, "reply_channel = shm://heard", *options))
    heard = house.reader("heard")
    browser.call("Security.setIgnoreCertificateErrors", ignore=True)
    try:
        shown = page("pair", url)
        running.wait_for_peers("talk", 1)
    finally:
        browser.call("Security.setIgnoreCertificateErrors", ignore=False)
    writer.publish(b"in secret")
    shown.wait_for_text("#messages li:first-child .body", "in secret")
    shown.evaluate("document.getElementById('text').value = 'so be it'; document.getElementById('compose').requestSubmit()")
    assert heard.read()[0] == b"so be it"


def test_the_page_says_what_a_refusal_may_be(page):
    shown = page("subscribe", ws("/nowhere"))
    shown.wait_for_text("#error", "nothing listens there, or it refused")
    assert "pub.sp.nanomsg.org" in shown.text("#error")
    shown = page("subscribe", "http://[")
    shown.wait_for_text("#error", "is no URL")


def test_a_loop_takes_messages_in_order_and_ends_with_the_connection(house, gateway, script):
    url = ws("/quotes")
    writer = house.writer("quotes")
    running = gateway(bridge("quotes", "pubsub", "out", url))
    script.evaluate(f"""
        quotes = subscribe('{url}', {{as: 'json'}});
        taken = (async () => {{
            const all = [];
            for await (const quote of quotes) if (all.push(quote.price) === 1000) quotes.close();
            return all;
        }})();
        0""")
    running.wait_for_peers("quotes", 1)
    for price in range(1000):
        writer.publish(json.dumps({"price": price}).encode())
    assert script.evaluate("taken") == list(range(1000))


def test_bytes_of_any_size_go_both_ways(house, gateway, script):
    url = ws("/talk")
    writer = house.writer("talk", capacity=16 << 20)
    running = gateway(bridge("talk", "pair", "both", url, "reply_channel = shm://heard", "shm.capacity = 16MiB", "receive_limit = 5MiB"))
    heard = house.reader("heard", room=8 << 20)
    script.evaluate(f"talk = pair('{url}', {{onMessage: (bytes) => talk.send(bytes)}}); talk.opened()")
    running.wait_for_peers("talk", 1)
    for size in (0, 1, 125, 126, 65535, 65536, 4 << 20):
        message = os.urandom(size)
        writer.publish(message)
        assert heard.read()[0] == message


def test_what_was_sent_before_the_connection_stood_goes_first(house, gateway, script):
    url = ws("/talk")
    script.evaluate(f"talk = pair('{url}', {{as: 'text'}}); for (const word of ['one', 'two', 'three']) talk.send(word); 0")
    house.writer("talk")
    gateway(bridge("talk", "pair", "both", url, "reply_channel = shm://heard"))
    heard = house.reader("heard")
    assert [heard.read()[0] for _ in range(3)] == [b"one", b"two", b"three"]


def test_a_loop_that_sends_goes_no_faster_than_the_connection(script):
    """Against a socket that lets nothing go before it is told to."""
    early, late = script.evaluate("""(async () => {
        const sockets = [];
        globalThis.WebSocket = class {
            bufferedAmount = 0;
            constructor() { sockets.push(this); setTimeout(() => this.onopen()); }
            send(bytes) { this.bufferedAmount += bytes.length; }
            close() {}
        };
        const talk = pair('ws://gateway.example/');
        await talk.send(new Uint8Array(1 << 20));
        let sent = false;
        const second = talk.send(Uint8Array.of(1)).then(() => (sent = true));
        await new Promise((resolve) => setTimeout(resolve, 100));
        const early = sent;
        sockets[0].bufferedAmount = 0;
        await second;
        const third = talk.send(new Uint8Array(2 << 20));
        talk.close();
        await third;
        return [early, sent];
    })()""")
    assert (early, late) == (False, True)


def test_a_page_that_waits_keeps_only_what_it_shows_of_large_messages(house, gateway, page):
    url = ws("/quotes")
    writer = house.writer("quotes", capacity=8 << 20)
    running = gateway(bridge("quotes", "pubsub", "out", url, "shm.capacity = 8MiB"))
    shown = page("subscribe", url)
    running.wait_for_peers("quotes", 1)
    shown.evaluate("document.getElementById('pause').click()")
    for index in range(64):
        writer.publish(b"x" * (1 << 20))
        shown.wait_for_text("#count", str(index + 1))
    shown.call("HeapProfiler.collectGarbage")
    assert shown.call("Runtime.getHeapUsage")["backingStorageSize"] < 16 << 20
    shown.evaluate("document.getElementById('pause').click()")
    shown.wait_for_text("#messages li:first-child .body", "xxx…")
    assert shown.text("#messages li:first-child .size") == "1.0 MiB"


def test_waits_between_tries_grow_to_a_bound_and_are_drawn_at_random(script):
    """Against a socket that fails at once, on a clock that does not wait."""
    waits = script.evaluate("""(async () => {
        const waits = [], later = setTimeout;
        globalThis.setTimeout = (call, wait) => (waits.push(wait), later(call, 0));
        globalThis.WebSocket = class {
            constructor() { later(() => this.onclose({code: 1006}), 0); }
            close() {}
        };
        const quotes = subscribe('ws://gateway.example/', {reconnectMin: 100, reconnectMax: 1000});
        while (waits.length < 40) await new Promise((resolve) => later(resolve, 1));
        quotes.close();
        return waits;
    })()""")
    for index, wait in enumerate(waits):
        bound = min(1000, 100 * 2**index)
        assert bound / 2 <= wait <= bound, waits
    assert len(set(waits)) > 30, waits


def test_a_slow_loop_keeps_the_newest_and_is_told_how_many_it_lost(house, gateway, script):
    url = ws("/quotes")
    writer = house.writer("quotes")
    running = gateway(bridge("quotes", "pubsub", "out", url))
    script.evaluate(f"quotes = subscribe('{url}', {{as: 'text', buffer: 3}}); loop = quotes[Symbol.asyncIterator](); 0")
    running.wait_for_peers("quotes", 1)
    for index in range(10):
        writer.publish(str(index).encode())
    wait_until(lambda: script.evaluate("quotes.received") == 10, "all have arrived")
    assert [script.evaluate("loop.next().then(({value}) => value)") for _ in range(3)] == ["7", "8", "9"]
    assert script.evaluate("quotes.dropped") == 7


def test_a_message_of_the_wrong_format_is_an_error_and_the_next_one_comes(house, gateway, script):
    url = ws("/quotes")
    writer = house.writer("quotes")
    running = gateway(bridge("quotes", "pubsub", "out", url))
    script.evaluate(f"""
        seen = [];
        quotes = subscribe('{url}', {{as: 'json', onMessage: (message) => seen.push(message)}});
        quotes.addEventListener('error', ({{error}}) => seen.push(error.message));
        0""")
    running.wait_for_peers("quotes", 1)
    writer.publish(b"{broken")
    writer.publish(b'{"price": 7}')
    wait_until(lambda: script.evaluate("seen.length") == 2, "both have arrived")
    assert script.evaluate("seen") == ["leat: a message is no JSON: {broken", {"price": 7}]


def test_a_closed_connection_says_so(script):
    url = ws("/talk")
    script.evaluate(f"talk = pair('{url}'); waits = talk.send('never'); talk.close(); 0")
    for promise in ("waits", "talk.send('late')", "talk.opened()"):
        assert "was closed" in script.evaluate(f"{promise}.then(() => 'sent', (error) => error.message)")
    assert script.evaluate("talk.state") == "closed"


@pytest.mark.parametrize("call, says", [
    ("subscribe('nonsense://x')", "speaks ws:// and wss:// only"),
    ("subscribe('ws://x/', {as: 'xml'})", "as must be"),
    ("pair('ws://x/', {version: 2})", "version must be 0 or 1"),
    ("bus('ws://127.0.0.1:1/').send(7)", "a message is a string"),
])  # fmt: skip
def test_misuse_is_told(script, call, says):
    told = script.evaluate(f"(() => {{ try {{ return String({call}); }} catch (error) {{ return error.message; }} }})()")
    assert says in told
