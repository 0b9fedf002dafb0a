"""What each shipped example claims, tried with real peers: CLAIMS[file name](example)."""

import contextlib
import os
import stat

import pytest

from cppipc import Peer, assert_whole, message
from support import wait_until

SOON = {"recv_timeout": 20_000, "send_timeout": 20_000}


class Example:
    """A shipped configuration at work. `keys[bridge][key]` is what it says."""

    def __init__(self, house, running, keys, pynng):
        self.house, self.running, self.keys, self.pynng = house, running, keys, pynng
        self.sockets = []

    def urls(self, bridge, key="listen"):
        """Each as a peer on this host would dial it."""
        listed = self.keys[bridge][key].replace("\\", " ").split(",")
        return [url.strip().replace("//0.0.0.0:", "//127.0.0.1:") for url in listed]

    def peer(self, kind, **how):
        self.sockets.append(getattr(self.pynng, kind)(**SOON, **how))
        return self.sockets[-1]

    def subscriber(self, url, topics=b"", **how):
        return self.peer("Sub0", dial=url, topics=topics, **how)

    def everybody_hears(self, bridge, subscribers, message, heard=None):
        """A message published locally reaches all of them."""
        self.running.wait_for_peers(bridge, len(subscribers))
        self.house.writer(self.keys[bridge]["channel"].removeprefix("shm://")).publish(message)
        assert [subscriber.recv() for subscriber in subscribers] == [heard or message] * len(subscribers)

    def wait_for_subscriber(self, bridge, publisher):
        """Both ends know of their connection: what a publisher says before is heard by nobody."""
        self.running.wait_for_peers(bridge, 1)
        wait_until(lambda: publisher.pipes, f"the publisher has {bridge} as a subscriber")

    def close(self):
        for socket in self.sockets:
            socket.close()


CLAIMS = {}


def claim(*names):
    def note(function):
        CLAIMS.update({name: function for name in names})
        return function

    return note


# ---- publish and subscribe -------------------------------------------------------------------------------------------


@claim("leat.ini")
def both_addresses_serve(example):
    subscribers = [example.subscriber(url) for url in example.urls("quotes")]
    example.everybody_hears("quotes", subscribers, b"EURUSD 1.0831")


@claim("quotes-struct.ini")
def a_struct_comes_as_it_is(example):
    subscribers = [example.subscriber(url) for url in example.urls("quotes") for _ in range(3)]
    example.everybody_hears("quotes", subscribers, bytes(range(104)))


@claim("pubsub-out.ini")
def subscribers_choose_by_the_topic_that_the_bridge_writes(example):
    subscribers = [example.subscriber(url, b"quotes/") for url in example.urls("quotes")]
    example.everybody_hears("quotes", subscribers, b"EURUSD", b"quotes/EURUSD")


@claim("template.ini")
def bridges_take_what_they_do_not_say(example):
    [quotes], [trades] = example.urls("quotes"), example.urls("trades")
    example.everybody_hears("quotes", [example.subscriber(quotes)], b"EURUSD")
    example.everybody_hears("trades", [example.subscriber(trades, b"trades/")], b"EURUSD", b"trades/EURUSD")


@claim("many-channels.ini")
def each_channel_is_a_topic(example):
    [url] = example.urls("market")
    everything, news = example.subscriber(url), example.subscriber(url, b"news/")
    example.running.wait_for_peers("market", 2)
    for channel in ("quotes", "trades", "news"):
        example.house.writer(channel).publish(b"first")
    assert {everything.recv() for _ in range(3)} == {b"quotes/first", b"trades/first", b"news/first"}
    assert news.recv() == b"news/first"


@claim("pubsub-in.ini")
def only_what_has_the_prefix_comes_without_it(example):
    publisher = example.peer("Pub0", listen=example.urls("weather", "dial")[0])
    example.wait_for_subscriber("weather", publisher)
    publisher.send(b"sports/1:0")
    publisher.send(b"weather/rain")
    assert example.house.reader("weather").read()[0] == b"rain"


@claim("topics.ini")
def both_ends_choose_by_topic(example):
    [url] = example.urls("news")
    chosen = example.subscriber(url, b"topic2")
    publisher = example.peer("Pub0", listen=example.urls("sports", "dial")[0])
    example.running.wait_for_peers("news", 1)
    example.wait_for_subscriber("sports", publisher)
    writer = example.house.writer("news")
    for message in (b"topic1: a", b"topic2: b"):
        writer.publish(message)
    for message in (b"chess: c", b"tennis: d", b"football: e"):
        publisher.send(message)
    assert chosen.recv() == b"topic2: b"
    reader = example.house.reader("sports")
    assert [reader.read()[0] for _ in range(2)] == [b"tennis: d", b"football: e"]


@claim("cppipc-out.ini")
def what_a_program_on_cpp_ipc_sends_reaches_every_subscriber(example):
    subscribers = [example.subscriber(url) for url in example.urls("quotes") for _ in range(2)]
    example.running.wait_for_peers("quotes", 2)
    sizes = (16, 104, 2000)
    producer = Peer(example.house, "send", "quotes", sizes=sizes, count=len(sizes), receivers=1, stay=True)
    for number, size in enumerate(sizes):
        assert [subscriber.recv() for subscriber in subscribers] == [message(number, size)] * 2
    assert producer.result()["failed"] == 0


@claim("cppipc-in.ini")
def what_a_publisher_says_reaches_every_program_on_cpp_ipc(example):
    sizes = (16, 104, 2000)
    consumers = [Peer(example.house, "recv", "prices", sizes=sizes, count=len(sizes)).ready() for _ in range(2)]
    [url] = example.urls("prices", "dial")
    publisher = example.peer("Pub0", listen=url)
    example.wait_for_subscriber("prices", publisher)
    for number, size in enumerate(sizes):
        publisher.send(message(number, size))
    for consumer in consumers:
        assert_whole(consumer.result(), len(sizes))


# ---- work ------------------------------------------------------------------------------------------------------------


@claim("pipeline-out.ini")
def each_job_goes_to_one_worker(example):
    [url] = example.urls("jobs")
    workers = [example.peer("Pull0", dial=url) for _ in range(2)]
    example.running.wait_for_peers("jobs", 2)
    writer = example.house.writer("jobs", policy=1)
    for number in range(4):
        writer.publish(b"job %d" % number)
    done = []

    def all_done():
        for worker in workers:
            with contextlib.suppress(example.pynng.TryAgain):
                done.append(worker.recv(block=False))
        return len(done) == 4

    wait_until(all_done, "four jobs are with somebody")
    assert sorted(done) == [b"job %d" % number for number in range(4)]


@claim("pipeline-in.ini")
def what_is_pushed_is_in_the_channel(example):
    example.peer("Push0", dial=example.urls("measurements")[0]).send(b"42 degrees")
    assert example.house.reader("measurements").read()[0] == b"42 degrees"


@claim("local-socket.ini")
def only_owner_and_group_may_connect(example):
    [url] = example.urls("orders")
    found = os.stat(url.removeprefix("ipc://"))
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert found.st_gid == group_id(example.keys["orders"]["ipc.group"])
    example.peer("Push0", dial=url).send(b"buy")
    assert example.house.reader("orders").read()[0] == b"buy"


def group_id(name):
    import grp

    return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid


# ---- questions and answers -------------------------------------------------------------------------------------------


@claim("reqrep-in.ini")
def a_local_replier_serves_many_requests_in_any_order(example):
    [url] = example.urls("orders")
    clients = [example.peer("Req0", dial=url) for _ in range(3)]
    reader, writer = example.house.reader("orders"), example.house.writer("orders.replies")
    for number, client in enumerate(clients):
        client.send(b"order %d" % number)
    requests = [reader.read() for _ in clients]
    for request, tag in reversed(requests):
        writer.publish(request + b" taken", tag)
    assert [client.recv() for client in clients] == [b"order %d taken" % number for number in range(3)]


@claim("reqrep-out.ini")
def a_local_requester_is_served_from_afar(example):
    replier = example.peer("Rep0", listen=example.urls("prices", "dial")[0])
    example.house.writer("prices").publish(b"gold?", tag=7)
    assert replier.recv() == b"gold?"
    replier.send(b"1900")
    assert example.house.reader("prices.replies").read() == (b"1900", 7)


@claim("survey-in.ini")
def local_respondents_answer_a_remote_surveyor(example):
    surveyor = example.peer("Surveyor0", listen=example.urls("health", "dial")[0])
    surveyor.survey_time = 10_000
    example.running.wait_for_peers("health", 1)
    surveyor.send(b"well?")
    survey, tag = example.house.reader("survey").read()
    assert survey == b"well?"
    for number in range(3):
        example.house.writer("survey.answers").publish(b"well %d" % number, tag)
    assert {surveyor.recv() for _ in range(3)} == {b"well %d" % number for number in range(3)}


@claim("survey-out.ini")
def all_respondents_are_asked(example):
    respondents = [example.peer("Respondent0", dial=example.urls("inventory")[0]) for _ in range(3)]
    example.running.wait_for_peers("inventory", 3)
    example.house.writer("inventory").publish(b"how many?", tag=7)
    for number, respondent in enumerate(respondents):
        assert respondent.recv() == b"how many?"
        respondent.send(b"%d" % number)
    reader = example.house.reader("inventory.answers")
    assert {reader.read() for _ in range(3)} == {(b"%d" % number, 7) for number in range(3)}


# ---- both ways -------------------------------------------------------------------------------------------------------


@claim("bus-mesh.ini")
def everybody_hears_everybody_once(example):
    anna, bert = (example.peer("Bus0", dial=example.urls("leaf")[0]) for _ in range(2))
    listening, dialling = (
        example.peer("Bus0", dial=example.urls("mesh")[0]),
        example.peer("Bus0", listen=example.urls("mesh", "dial")[0]),
    )
    example.running.wait_for_peers("leaf", 2)
    example.running.wait_for_peers("mesh", 2)
    reader, writer = example.house.reader("floor"), example.house.writer("floor")
    said = {anna: b"anna", bert: b"bert", listening: b"far", dialling: b"farther"}
    for speaker, words in said.items():
        speaker.send(words)
        assert reader.read()[0] == words
    writer.publish(b"local")
    not_heard = {anna: {b"anna"}, bert: {b"bert"}, listening: {b"far", b"farther"}, dialling: {b"far", b"farther"}}
    for hearer, missing in not_heard.items():
        expected = {*said.values(), b"local"} - missing
        assert {hearer.recv() for _ in expected} == expected
        hearer.recv_timeout = 100
        with pytest.raises(example.pynng.Timeout):
            hearer.recv()


@claim("pair.ini")
def a_conversation(example):
    partner = example.peer("Pair0", dial=example.urls("partner")[0])
    partner.send(b"how do you do")
    assert example.house.reader("from-partner").read()[0] == b"how do you do"
    example.house.writer("to-partner").publish(b"how do you do")
    assert partner.recv() == b"how do you do"


# ---- transports ------------------------------------------------------------------------------------------------------


@claim("tls.ini")
def the_certificate_of_the_recipe_is_trusted_by_its_names(example):
    certificate = str(example.house.path("cert.pem"))
    subscribers = []
    for name in ("localhost", "127.0.0.1"):
        config = example.pynng.TLSConfig(example.pynng.TLSConfig.MODE_CLIENT, server_name="localhost", ca_files=certificate)
        url = example.urls("quotes")[0].replace("127.0.0.1", name)
        subscribers.append(example.subscriber(url, tls_config=config))
    example.everybody_hears("quotes", subscribers, b"EURUSD 1.0831")


@claim("tls-mutual.ini")
def only_who_is_named_in_a_certificate_of_ours_gets_in(example):
    [url] = example.urls("orders")
    url, mode = url.replace("127.0.0.1", "localhost"), example.pynng.TLSConfig.MODE_CLIENT

    def desk(**shown):
        config = example.pynng.TLSConfig(mode, server_name="localhost", ca_files=str(example.house.path("ca.pem")), **shown)
        return example.peer("Push0", dial=url, tls_config=config, block_on_dial=False)

    def shows(name):
        return {"cert_key_file": together(example.house.folder, name)}

    strangers = [desk(), desk(**shows("server"))]
    desk(**shows("desk-1")).send(b"buy")
    assert example.house.reader("orders").read()[0] == b"buy"
    for reason in ("it has shown no certificate", "none of its names is in tls.allow (peer CN=localhost)"):
        wait_until(lambda: reason in example.running.log(), f"the log says {reason}")
    assert example.running.bridge("orders")["peers"] == 1
    assert not any(stranger.pipes for stranger in strangers)


def together(folder, name):
    """pynng wants a certificate and its key in one file."""
    both = folder / f"{name}.both"
    both.write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.pem").read_text())
    return str(both)


@claim("browser.ini")
def quotes_and_a_chat_share_a_port(example):
    [quotes], [chat] = example.urls("quotes"), example.urls("chat")
    assert quotes.rsplit("/", 1)[0] == chat.rsplit("/", 1)[0]
    example.everybody_hears("quotes", [example.subscriber(quotes)], b"EURUSD 1.0831")
    anna, bert = (example.peer("Bus0", dial=chat) for _ in range(2))
    example.running.wait_for_peers("chat", 2)
    anna.send(b"hello")
    assert bert.recv() == b"hello"
    assert example.house.reader("chat").read()[0] == b"hello"


@claim("many-urls.ini")
def every_way_leads_there(example):
    subscribers = [example.subscriber(url) for url in example.urls("quotes")]
    subscribers.append(example.peer("Sub0", listen=example.urls("quotes", "dial")[0], topics=b""))
    assert len(subscribers) == 6
    example.everybody_hears("quotes", subscribers, b"EURUSD 1.0831")
