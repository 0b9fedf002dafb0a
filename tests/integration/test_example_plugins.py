"""The example plugins of the SDK, as a stranger has them: built out of tree against the installed SDK, put beside the gateway's own."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from support import BUILD, LEAT, LEATD, TOP, drops, free_port, wait_until

EXAMPLES = {"lines": None, "conflate": None, "mqtt": "/usr/include/mosquitto.h"}  # and what must be there to build it


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    """leat as it is installed, and an environment that finds it."""
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, capture_output=True)
    [pkg_config] = {file.parent for file in prefix.rglob("leat-plugin.pc")}
    unwanted = ("LD_PRELOAD", "ASAN_OPTIONS", "LEAT_PLUGIN_DIR", "CFLAGS", "LDFLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment |= {"PKG_CONFIG_PATH": str(pkg_config), "CMAKE_PREFIX_PATH": str(prefix)}
    environment["PATH"] = f"{prefix}/bin:{environment['PATH']}"
    return prefix, environment


def copy_of(name, sdk, folder):
    """The installed sources of an example, to be built there."""
    needed = EXAMPLES[name]
    if needed and not os.path.exists(needed):
        pytest.skip(f"{needed} is not installed")
    [source] = [path.parent for path in sdk[0].rglob(f"{name}.c") if path.parent.name == name]
    return shutil.copytree(source, folder / name)


@pytest.fixture(scope="module")
def plugin_dir(sdk, tmp_path_factory):
    """The gateway's plugins and the examples, in one folder."""
    folder, sources = tmp_path_factory.mktemp("plugins"), tmp_path_factory.mktemp("sources")
    for plugin in (BUILD / "plugins").glob("*.so"):
        (folder / plugin.name).symlink_to(plugin)
    for name, needed in EXAMPLES.items():
        if not needed or os.path.exists(needed):
            command = ["make", "-s", "-C", copy_of(name, sdk, sources), "install", f"PLUGINDIR={folder}"]
            subprocess.run(command, check=True, env=sdk[1])
    return folder


@pytest.fixture
def house(house, plugin_dir):
    house.environment["LEAT_PLUGIN_DIR"] = str(plugin_dir)
    return house


# ---- all -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_short(name):
    assert len((TOP / "sdk/examples/plugins" / name / f"{name}.c").read_text().splitlines()) < 300


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_builds_with_cmake_and_keeps_what_the_interface_promises(house, sdk, plugin_dir, name):
    source = copy_of(name, sdk, house.folder)
    build = house.path("build")
    subprocess.run(["cmake", "-S", source, "-B", build], check=True, env=sdk[1], capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, env=sdk[1], capture_output=True)
    [plugin] = build.rglob(f"{name}.so")
    how = {"lines": ["--where=%f/lines"], "conflate": []}
    if name == "mqtt":
        how[name] = [f"--dial={Broker(house, 'allow_anonymous true').url('kit')}"]
    answer = house.run(LEAT, "plugin", "test", *how[name], plugin, seconds=120)
    assert answer.returncode == 0 and " - it survives any text" in answer.stdout, answer.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_its_configuration_is_accepted(house, plugin_dir, name):
    answer = house.run(LEATD, "--check", "-c", TOP / "sdk/examples/plugins" / name / f"{name}.ini")
    assert answer.returncode == 0, answer.stdout + answer.stderr


# ---- lines ------------------------------------------------------------------------------------------------------------------


def from_lines(house, channel, *options):
    """Bridges from a lines channel to the shm channel `out`."""
    url = house.ipc("lines")
    lines = "\n".join(options)
    return f"""
        [bridge.read]
        pattern = pipeline
        direction = out
        channel = lines://{channel}
        listen = {url}
        {lines}
        [bridge.collect]
        pattern = pipeline
        direction = in
        channel = shm://out
        dial = {url}
        """


def read(reader, count):
    return [reader.read()[0].decode() for _ in range(count)]


def test_a_file_is_followed_as_it_grows_is_rotated_and_is_cut(house, gateway):
    log = house.path("app.log")
    log.write_text("one\ntwo\n")
    running = gateway(from_lines(house, log))
    reader = house.reader("out")
    assert read(reader, 2) == ["one", "two"]
    with open(log, "a") as file:
        file.write("\nthr")
        file.flush()
        assert read(reader, 1) == [""]
        file.write("ee\n")
        file.flush()
        assert read(reader, 1) == ["three"]
        log.rename(house.path("app.log.1"))
        file.write("late\n")
    log.write_text("four\n")
    assert read(reader, 2) == ["late", "four"]
    wait_until(lambda: running.lane("read")["in_flight"] == 0, "all is acknowledged")
    with open(log, "w") as file:  # shorter than it was
        file.write("5\n")
    assert read(reader, 1) == ["5"]
    [lane] = running.wait_for_balance("read")
    assert lane["forwarded"] == 7


def test_a_gateway_that_is_killed_goes_on_where_it_was(house, gateway):
    log = house.path("app.log")
    log.write_text("".join(f"line {index}\n" for index in range(1000)))
    running = gateway(from_lines(house, log))
    reader = house.reader("out")
    assert read(reader, 1000) == [f"line {index}" for index in range(1000)]
    wait_until(lambda: running.lane("read")["in_flight"] == 0, "all is acknowledged")
    running.process.kill()
    running.process.wait()
    with open(log, "a") as file:
        file.write("before the rotation\n")
    log.rename(house.path("app.log.1"))
    log.write_text("after it\n")
    running.start()
    assert read(reader, 2) == ["before the rotation", "after it"]


def test_a_line_that_is_too_long_comes_in_parts_and_a_last_one_needs_no_end(house, gateway):
    log = house.path("app.log")
    log.write_text("short\n" + "x" * 2500 + "\nagain short")
    running = gateway(from_lines(house, log, "lines.line_max = 1000B", "lines.follow = no"))
    assert [len(line) for line in read(house.reader("out"), 5)] == [5, 1000, 1000, 500, 11]
    [lane] = running.wait_for_balance("read")
    assert lane["read"] == lane["forwarded"] == 5


def test_a_fifo_is_read_for_writer_after_writer(house, gateway):
    fifo = house.path("fifo")
    os.mkfifo(fifo)
    gateway(from_lines(house, fifo, "lines.separator = nul"))
    reader = house.reader("out")
    for text in ("a\nb", "c"):
        with open(fifo, "wb") as file:
            file.write(text.encode() + b"\0")
        assert read(reader, 1) == [text]


def test_messages_become_lines_of_a_file(house, gateway):
    log, url = house.path("out.log"), house.ipc("lines")
    writer = house.writer("quotes")
    running = gateway(f"""
        [bridge.send]
        pattern = pipeline
        direction = out
        channel = shm://quotes
        listen = {url}
        [bridge.write]
        pattern = pipeline
        direction = in
        channel = lines://{log}
        dial = {url}
        lines.line_max = 100B
        """)
    for message in (b"one", b"", b"two\nlines", b"x" * 101, b"x" * 100):
        writer.publish(message)
    wait_until(lambda: running.lane("write")["read"] == 5, "all has come")
    assert log.read_text() == "one\n\n" + "x" * 100 + "\n"
    [lane] = running.wait_for_balance("write")
    assert drops(lane) == {"malformed": 1, "oversize": 1}
    log.rename(house.path("out.log.1"))
    writer.publish(b"after the rotation")
    wait_until(lambda: log.exists() and log.read_text() == "after the rotation\n", "the new file has the line")


# ---- conflate --------------------------------------------------------------------------------------------------------------


def conflating(url, *options):
    lines = "\n".join(options)
    return f"""
        [bridge.prices]
        pattern = conflate
        direction = out
        channel = shm://prices
        listen = {url}
        {lines}
        """


def test_only_the_newest_of_each_key_goes_out_and_the_books_balance(house, gateway, pynng):
    url, writer = house.ipc("prices"), house.writer("prices")
    running = gateway(conflating(url, "conflate.delimiter = =", "conflate.interval = 200ms"))
    keys = ("gold", "silver", "tin")
    with pynng.Sub0(dial=url, topics=b"", recv_timeout=20_000) as subscriber:
        running.wait_for_peers("prices", 1)
        begin = time.monotonic()
        for price in range(3000):
            for key in keys:
                writer.publish(f"{key}={price}".encode())
        last = {key: "" for key in keys}
        came = 0
        while set(last.values()) != {"2999"}:
            key, price = subscriber.recv().decode().split("=")
            assert last[key] == "" or int(price) > int(last[key])
            last[key] = price
            came += 1
        intervals = (time.monotonic() - begin) / 0.2
    [lane] = running.wait_for_balance("prices")
    assert lane["read"] == 9000 and drops(lane) == {"filtered": 9000 - came}
    assert len(keys) * 2 <= came <= len(keys) * (intervals + 1)


def test_what_is_held_back_goes_out_at_a_stop_and_comes_again_after_a_kill(house, gateway, pynng):
    url, writer = house.ipc("prices"), house.writer("prices")
    running = gateway(conflating(url, "conflate.key_length = 4", "conflate.interval = 1h"))
    with pynng.Sub0(dial=url, topics=b"", recv_timeout=20_000, reconnect_time_max=50) as subscriber:
        running.wait_for_peers("prices", 1)
        for message in (b"gold 1", b"gold 2", b"gold 3"):
            writer.publish(message)
        assert subscriber.recv() == b"gold 1"
        wait_until(lambda: drops(running.lane("prices")) == {"filtered": 1}, "one is replaced")
        assert running.lane("prices")["in_flight"] == 1
        os.kill(running.bridge("prices")["worker_pid"], signal.SIGKILL)
        wait_until(lambda: running.lane("prices")["read"] == 4, "the third has been read again")
        assert running.lane("prices")["returned"] == 1
        running.wait_for_peers("prices", 1)
        for message in (b"tin  1", b"tin  2"):
            writer.publish(message)
        wait_until(lambda: running.lane("prices")["in_flight"] == 1, "the last one is held")
        assert running.stop() == 0
        while subscriber.recv() != b"tin  2":
            pass


# ---- mqtt -------------------------------------------------------------------------------------------------------------------


class Broker:
    """A mosquitto of this test, which can be killed and started again."""

    def __init__(self, house, *lines):
        self.house = house
        self.port = free_port()
        self.configuration = house.path("mosquitto.conf")
        self.configuration.write_text("\n".join([f"listener {self.port} 127.0.0.1", "user root", *lines, ""]))
        self.program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if not self.program or not shutil.which("mosquitto_sub"):
            pytest.skip("mosquitto or mosquitto-clients is not installed")
        self.start()

    def start(self):
        self.process = self.house.start(self.program, "-c", self.configuration, stderr=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def url(self, topic):
        return f"mqtt://127.0.0.1:{self.port}/{topic}"

    def publish(self, topic, *messages, qos=1):
        for message in messages:
            answer = self.house.run("mosquitto_pub", "-p", self.port, "-t", topic, "-q", qos, "-m", message)
            assert answer.returncode == 0, answer.stderr

    def subscribe(self, topic):
        """A mosquitto_sub, subscribed when this returns."""
        process = self.house.start("stdbuf", "-oL", "mosquitto_sub", "-W", 20, "-p", self.port, "-t", topic, "-q", 1, "-d", "-F", "got %p", stdout=subprocess.PIPE, bufsize=1)
        for line in process.stdout:
            if "SUBACK" in line:
                break
        return process


def received(subscriber, count):
    messages = []
    while len(messages) < count:
        line = subscriber.stdout.readline()
        assert line, "mosquitto_sub ended"
        if line.startswith("got "):
            messages.append(line[4:].rstrip("\n"))
    return messages


def test_a_channel_is_published_at_a_real_broker(house, gateway):
    broker = Broker(house, "allow_anonymous true")
    writer = house.writer("quotes")
    running = gateway(f"""
        [bridge.quotes]
        pattern = pubsub
        direction = out
        channel = shm://quotes
        dial = {broker.url("site7/quotes")}
        """)
    running.wait_for_peers("quotes", 1)
    subscriber = broker.subscribe("site7/+")
    sent = [f"quote {index}" for index in range(1000)]
    for message in sent:
        writer.publish(message.encode())
    assert received(subscriber, 1000) == sent
    [lane] = running.wait_for_balance("quotes")
    assert lane["forwarded"] == 1000
    assert running.stop() == 0


def test_what_comes_from_a_broker_reaches_the_channel(house, gateway):
    broker = Broker(house, "allow_anonymous true")
    running = gateway(f"""
        [bridge.sensors]
        pattern = pubsub
        direction = in
        channel = shm://sensors
        dial = "{broker.url("plant/#")}"
        """)
    running.wait_for_peers("sensors", 1)
    reader = house.reader("sensors")
    sent = [f"{index} degrees" for index in range(20)]
    broker.publish("plant/hall/temperature", *sent)
    assert [reader.read()[0].decode() for _ in sent] == sent
    [lane] = running.wait_for_balance("sensors")
    assert lane["forwarded"] == 20


def test_a_broker_that_dies_and_comes_back_is_found_again(house, gateway):
    broker = Broker(house, "allow_anonymous true")
    writer = house.writer("quotes")
    running = gateway(f"""
        [bridge.quotes]
        pattern = pubsub
        direction = out
        channel = shm://quotes
        dial = {broker.url("quotes")}
        """)
    running.wait_for_peers("quotes", 1)
    writer.publish(b"before")
    wait_until(lambda: running.lane("quotes")["forwarded"] == 1, "the first message is acknowledged")
    broker.kill()
    running.wait_for_peers("quotes", 0)
    writer.publish(b"meanwhile")
    wait_until(lambda: running.lane("quotes")["dropped"]["no_peer"] == 1, "nobody takes the second")
    broker.start()
    running.wait_for_peers("quotes", 1)
    subscriber = broker.subscribe("quotes")
    writer.publish(b"after")
    assert received(subscriber, 1) == ["after"]
    [lane] = running.wait_for_balance("quotes")
    assert (lane["forwarded"], drops(lane)) == (2, {"no_peer": 1})


def test_the_books_balance_over_a_broker_that_dies_in_mid_burst(house, gateway):
    broker = Broker(house, "allow_anonymous true")
    writer = house.writer("quotes")
    running = gateway(f"""
        [bridge.quotes]
        pattern = pubsub
        direction = out
        channel = shm://quotes
        dial = {broker.url("quotes")}
        """)
    running.wait_for_peers("quotes", 1)
    for index in range(20_000):
        writer.publish(f"quote {index}".encode())
        if index == 10_000:
            broker.kill()
    broker.start()
    running.wait_for_peers("quotes", 1)
    wait_until(lambda: running.lane("quotes")["read"] == 20_000, "all is read")
    [lane] = running.wait_for_balance("quotes")
    assert lane["forwarded"] > 0 and set(drops(lane)) <= {"no_peer"}


def test_a_full_channel_leaves_the_rest_with_the_broker_and_loses_nothing(house, gateway):
    broker = Broker(house, "allow_anonymous true", "max_queued_messages 0")
    running = gateway(f"""
        [bridge.sensors]
        pattern = pubsub
        direction = in
        channel = shm://sensors
        dial = {broker.url("sensors")}
        shm.policy = block
        shm.capacity = 64KiB
        """)
    reader = house.reader("sensors")
    running.wait_for_peers("sensors", 1)
    sent = [f"{index:04}" + "x" * 1000 for index in range(1000)]
    lines = house.path("messages")
    lines.write_text("\n".join(sent) + "\n")
    with open(lines) as file:
        process = house.start("mosquitto_pub", "-p", broker.port, "-t", "sensors", "-q", 1, "-l", stdin=file)
        assert process.wait(20) == 0
    wait_until(lambda: "is full" in running.bridge("sensors")["reason"], "the channel is full")
    assert running.lane("sensors")["forwarded"] < 100
    assert read(reader, 1000) == sent
    [lane] = running.wait_for_balance("sensors")
    assert lane["forwarded"] == 1000


@pytest.mark.parametrize("pattern", ["pattern = pipeline", "pattern = pubsub\npubsub.topics = EUR"])
def test_what_mqtt_does_not_have_is_refused_with_a_sentence(house, gateway, pattern):
    running = gateway(f"[bridge.jobs]\ndirection = in\nchannel = shm://jobs\ndial = mqtt://127.0.0.1:1/jobs\n{pattern}\n", wait=False)
    wait_until(lambda: "MQTT carries pattern = pubsub only" in running.log(), "the log says so")
    wait_until(lambda: running.page() and running.bridge("jobs")["state"] == "failed", "the bridge has failed")


@pytest.mark.parametrize(
    "url, says",
    [
        ("mqtt://broker:1883", "a topic must follow the broker"),
        ("mqtt://broker:0/quotes", "expected mqtt://BROKER:PORT/TOPIC"),
        ("mqtt://user:word@broker/quotes", "name and password stand in mqtt.user and mqtt.password"),
        ('"mqtt://broker/a/#/b"', "a topic must follow the broker"),
    ],
)
def test_a_wrong_url_is_refused_at_its_line(house, plugin_dir, url, says):
    configuration = house.path("wrong.ini")
    configuration.write_text(
        f"[gateway]\nname = test\n[bridge.jobs]\npattern = pubsub\ndirection = in\nchannel = shm://jobs\ndial = {url}\n"
    )
    answer = house.run(LEATD, "--check", "-c", configuration)
    [line] = answer.stderr.splitlines()
    assert answer.returncode == 78 and line.startswith(f"{configuration}:7: ") and says in line


def test_a_wrong_password_is_said_and_no_peer_is_counted(house, gateway):
    passwords = house.path("passwords")
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "leat", "right"], check=True)
    passwords.chmod(0o644)
    broker = Broker(house, "allow_anonymous false", f"password_file {passwords}")
    writer = house.writer("quotes")
    text = f"""
        [bridge.quotes]
        pattern = pubsub
        direction = out
        channel = shm://quotes
        dial = {broker.url("quotes")}
        mqtt.user = leat
        mqtt.password = PASSWORD
        """
    running = gateway(text.replace("PASSWORD", "wrong"))
    wait_until(lambda: "not authorised" in running.log(), "the log says that the broker refuses us")
    assert "wrong" not in running.log()
    writer.publish(b"nobody gets this")
    wait_until(lambda: running.lane("quotes")["dropped"]["no_peer"] == 1, "it is dropped")
    assert running.stop() == 0
    right = gateway(text.replace("PASSWORD", "right"), name="right")
    right.wait_for_peers("quotes", 1)
