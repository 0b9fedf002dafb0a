"""The command leat, as a person at a terminal and a script use it: pub, sub, channels, plugins, and how they fail."""

import base64
import json
import os
import pty
import shutil
import signal
import struct
import subprocess

import pytest

from support import BUILD, LEAT, wait_until

MIXED = [b"plain", b"", b"\x00\xff\xfe", "h\u00fcllo".encode(), bytes(range(256)) * 40]


def leat(house, *arguments, data=b"", seconds=20):
    return subprocess.run(
        [LEAT, *arguments], env=house.environment, input=data, capture_output=True, timeout=seconds
    )


def done(house, *arguments, data=b""):
    """What it printed; it must succeed."""
    answer = leat(house, *arguments, data=data)
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout


def refused(house, *arguments, data=b"", status=1):
    """The sentence on standard error; it must fail, and print nothing else."""
    answer = leat(house, *arguments, data=data)
    text = answer.stderr.decode()
    assert answer.returncode == status, f"{answer.returncode}: {text}"
    assert answer.stdout == b""
    assert status == 64 or text.count("\n") == 1, text
    return text


def prefixed(messages):
    return b"".join(struct.pack(">I", len(message)) + message for message in messages)


def fill(house, channel, messages, *options):
    done(house, "pub", channel, "--length-prefixed", *options, data=prefixed(messages))


def has_reader(house, channel):
    answer = leat(house, "channels", channel, "--json", "--interval=0")
    return answer.returncode == 0 and json.loads(answer.stdout)[0]["readers_registered"] > 0


# ---- pub and sub


def test_a_text_is_one_message(house):
    done(house, "pub", "c", "two words")
    assert done(house, "sub", "c", "--count=1") == b"two words\n"


def test_lines_of_standard_input_are_messages_without_their_ends(house):
    done(house, "pub", "c", data=b"one\n\nthree without end")
    assert done(house, "sub", "c", "--count=3", "--null") == b"one\0\0three without end\0"


def test_messages_that_end_with_nul(house):
    done(house, "pub", "c", "--null", data=b"one\ntwo\0\0end")
    assert done(house, "sub", "c", "--count=3", "--hex") == b"6f6e650a74776f\n\n656e64\n"


def test_any_bytes_come_back_as_they_went_in(house):
    fill(house, "c", MIXED)
    assert done(house, "sub", "c", f"--count={len(MIXED)}", "--length-prefixed") == prefixed(MIXED)
    assert done(house, "sub", "c", f"--count={len(MIXED)}", "--raw") == b"".join(MIXED)


def test_a_file_is_one_message_and_may_be_repeated(house):
    content = os.urandom(100_000)
    house.path("file").write_bytes(content)
    done(house, "pub", "c", f"--file={house.path('file')}", "--count=2")
    assert done(house, "sub", "c", "--count=2", "--raw") == content * 2


def test_json_tells_everything_about_a_message(house):
    fill(house, "c", MIXED, "--tag=18446744073709551615")
    lines = [json.loads(line) for line in done(house, "sub", "c", "--json", f"--count={len(MIXED)}").splitlines()]
    assert [line["sequence"] for line in lines] == list(range(len(MIXED)))
    for line, message in zip(lines, MIXED):
        assert (line["tag"], line["origin"], line["lost"], line["len"]) == (2**64 - 1, 0, 0, len(message))
        data = line["text"].encode() if "text" in line else base64.b64decode(line["base64"])
        assert data == message
    assert ["text" in line for line in lines] == [True, True, False, True, False]


def test_made_up_messages_are_numbered_and_counted(house):
    summary = json.loads(done(house, "pub", "c", "--size=20", "--count=1k", "--json"))
    assert (summary["messages"], summary["bytes"], summary["channel"]) == (1000, 20000, "c")
    lines = done(house, "sub", "c", "--count=1000").splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(1000))
    assert {len(line) for line in lines} == {20}


def test_a_rate_is_kept(house):
    summary = json.loads(done(house, "pub", "c", "--size=8", "--count=50", "--rate=100/s", "--json"))
    assert summary["seconds"] >= 0.48


def test_losses_are_reported_on_standard_error(house):
    done(house, "pub", "c", "--capacity=64KiB", "--size=1KiB", "--count=10")
    assert leat(house, "sub", "c", "--name=slow", "--count=1").returncode == 0
    done(house, "pub", "c", "--size=1KiB", "--count=1000")
    answer = leat(house, "sub", "c", "--name=slow", "--count=1", "--json")
    line = json.loads(answer.stdout)
    assert line["lost"] == line["sequence"] - 1 > 0
    assert f"{line['lost']} lost before message {line['sequence']}" in answer.stderr.decode()


def test_a_durable_reader_resumes(house):
    done(house, "pub", "c", data=b"1\n2\n3\n4\n")
    assert done(house, "sub", "c", "--name=r", "--count=2") == b"1\n2\n"
    assert done(house, "sub", "c", "--name=r", "--count=2") == b"3\n4\n"


def test_a_subscriber_waits_for_its_channel_and_sees_a_message_at_once(house):
    waiting = house.start(LEAT, "sub", "c", "--wait", stdout=subprocess.PIPE)
    publisher = house.start(LEAT, "pub", "c", stdin=subprocess.PIPE)
    publisher.stdin.write("first\n")
    publisher.stdin.flush()
    assert waiting.stdout.readline() == "first\n"
    publisher.stdin.close()
    assert publisher.wait(20) == 0


def test_an_interrupt_ends_both_cleanly(house):
    publisher = house.start(LEAT, "pub", "c", "--size=100", "--rate=1000/s", "--json", stdout=subprocess.PIPE)
    subscriber = house.start(LEAT, "sub", "c", "--wait", stdout=subprocess.PIPE)
    assert subscriber.stdout.readline()
    publisher.send_signal(signal.SIGINT)
    subscriber.send_signal(signal.SIGINT)
    assert publisher.wait(20) == 0 and subscriber.wait(20) == 0
    assert json.loads(publisher.stdout.read())["messages"] > 0


def test_an_interrupt_ends_a_publisher_that_waits_for_room(house):
    publisher = house.start(LEAT, "pub", "c", "--policy=block", "--wait-readers=1", "text")
    wait_until(lambda: (house.shm / "leat.c").exists(), "the channel is there")
    publisher.send_signal(signal.SIGINT)
    assert publisher.wait(20) == 0


def test_statistics_instead_of_messages(house):
    house.start(LEAT, "pub", "c", "--size=64", "--rate=1000/s")
    subscriber = house.start(LEAT, "sub", "c", "--wait", "--stats", "--json", stdout=subprocess.PIPE)
    line = json.loads(subscriber.stdout.readline())
    assert line["messages"] > 0 and line["bytes"] == 64 * line["messages"] and line["lost"] == 0


def test_progress_is_shown_on_a_terminal_only(house):
    ours, theirs = pty.openpty()
    publisher = house.start(LEAT, "pub", "c", "--size=64", "--rate=1000/s", "--count=2000", stderr=theirs)
    os.close(theirs)
    assert b"messages" in os.read(ours, 1000)
    publisher.send_signal(signal.SIGINT)
    publisher.wait(20)
    os.close(ours)
    assert leat(house, "pub", "c", "--size=64", "--rate=100/s", "--count=120").stderr == b""


# ---- channels


def test_no_channel_is_said_in_a_sentence(house):
    assert b"no channel" in done(house, "channels")
    assert json.loads(done(house, "channels", "--json")) == []


def test_the_table_fits_80_columns_and_shows_readers(house):
    name = "a-name-that-is-far-too-long-for-its-column-in-any-table"
    for channel in ("short", name):
        done(house, "pub", channel, "--policy=block", "--capacity=64MiB" if channel == "short" else "--capacity=64KiB", "x")
        done(house, "sub", channel, "--name=auditor", "--count=1")
    lines = done(house, "channels").decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["CHANNEL", "POLICY", "CAPACITY", "MESSAGES", "WRITERS", "READERS", "RATE", "AGE"]
    assert any("auditor (dead)" in line for line in lines)
    assert any(line.split()[:5] == ["short", "block", "64", "MiB", "1"] for line in lines)


def test_json_of_a_channel_in_use(house):
    writer = house.start(LEAT, "pub", "c", "--policy=block", "--rate=100/s", "--size=64")
    wait_until(lambda: (house.shm / "leat.c").exists(), "the channel is there")
    reader = house.start(LEAT, "sub", "c", "--name=r", stdout=subprocess.DEVNULL)
    wait_until(lambda: has_reader(house, "c"), "the reader is there")

    def counted():
        channel = json.loads(done(house, "channels", "c", "--json", "--interval=300ms"))[0]
        return channel if channel["messages"] and channel["rate"] > 0 else None

    channel = wait_until(counted, "messages come")
    assert (channel["writers_alive"], channel["readers_alive"], channel["policy"]) == (1, 1, "block")
    assert channel["mode"] == "0600" and channel["uid"] == os.getuid()
    assert channel["readers"][0]["name"] == "r" and channel["readers"][0]["pid"] == reader.pid
    assert writer.poll() is None


def test_removing_a_channel_in_use_needs_force_and_tells_its_reader(house):
    reader = house.start(LEAT, "sub", "c", "--create", "--policy=block", stderr=subprocess.PIPE)
    wait_until(lambda: has_reader(house, "c"), "the reader is there")
    assert "--force" in refused(house, "channels", "--remove", "c")
    done(house, "channels", "--remove", "--force", "c")
    assert "removed" in reader.stderr.readline()
    assert reader.wait(20) == 0
    assert list(house.shm.iterdir()) == []


def test_forgetting_a_durable_reader(house):
    done(house, "pub", "c", "x")
    done(house, "sub", "c", "--name=r", "--count=1")
    done(house, "channels", "--forget", "c", "r")
    assert "r" in refused(house, "channels", "--forget", "c", "r")


# ---- plugins


def test_plugins_are_listed_and_explained(house):
    listed = {plugin["name"]: plugin for plugin in json.loads(done(house, "plugins", "--json"))}
    assert listed["shm"]["kind"] == "channel" and listed["tcp"]["kind"] == "transport"
    assert "tcp" in listed["tcp"]["schemes"].split("|")
    table = done(house, "plugins").decode()
    for name, plugin in listed.items():
        assert f"\n{name} " in table
        text = done(house, "plugins", name).decode()
        assert plugin["summary"] in text and plugin["reference"].strip() in text
        assert all(f"{name}.{option['name']}" in text for option in plugin["options"])
    assert "shm.capacity  (size, 64KiB to 64GiB, default 4MiB)" in done(house, "plugins", "shm").decode()


@pytest.mark.parametrize("name, words", [("crash", "crashed while it was loaded"), ("no-symbol", "leat_plugin_v1")])
def test_a_broken_plugin_is_named_and_hides_no_other(house, name, words):
    plugins = house.path("plugins")
    plugins.mkdir(mode=0o755)
    for file in (BUILD / "broken-plugins" / f"{name}.so", BUILD / "plugins" / "shm.so"):
        shutil.copy(file, plugins)
    house.environment["LEAT_PLUGIN_DIR"] = str(plugins)
    answer = leat(house, "plugins")
    assert answer.returncode == 1
    assert b"\nshm " in answer.stdout
    assert f"plugin {name}.so" in answer.stderr.decode() and words in answer.stderr.decode()
    assert words in refused(house, "plugins", name)


# ---- how it fails


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["pbu"], "did you mean 'pub'?"),
        (["zzzzz"], "`leat help`"),
        (["help", "chanels"], "did you mean 'channels'?"),
        ([], "Usage"),
        (["pub"], "the name of a channel is missing"),
        (["pub", "c", "a", "b"], "'b' is one argument too many"),
        (["pub", "c", "x", "--size=5"], "only one of"),
        (["pub", "c", "--policy=blok"], "'blok' is not overwrite or block"),
        (["pub", "c", "--capacity=4XB"], "'4XB' is not a size"),
        (["pub", "c", "--rate=0"], "'0' is not a rate"),
        (["pub", "c", "--tag=-1"], "'-1' is not a whole number"),
        (["pub", "c", "--timeout=5"], "'5' is not a time"),
        (["pub", "c", "--mode=888"], "'888' is not an octal mode"),
        (["pub", "c", "--group=no-such-group"], "'no-such-group' is not a group"),
        (["sub", "c", "--hex", "--json"], "only one of"),
        (["sub", "c", "--from=middle"], "'middle' is not oldest or next"),
        (["sub", "c", "--count=many"], "'many' is not a number"),
        (["channels", "--remove"], "needs the name"),
        (["channels", "--forget", "c"], "a CHANNEL and a READER"),
        (["channels", "--force"], "goes with --remove"),
        (["plugins", "a", "b"], "one argument too many"),
    ],
)
def test_a_wrong_command_line(house, arguments, words):
    assert words in refused(house, *arguments, status=64)
    assert list(house.shm.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["sub", "nowhere"], "no channel 'nowhere'"),
        (["sub", "nowhere", "--wait", "--timeout=50ms"], "no channel 'nowhere'"),
        (["sub", "there", "--from=next", "--timeout=50ms"], "nothing came for 50 ms"),
        (["pub", "there", "--policy=block", "x"], "has the policy overwrite, block was asked for"),
        (["pub", "there", "--capacity=1MiB", "x"], "capacity"),
        (["pub", "there", "--size=3MiB", "--count=1"], "takes at most 2 MiB"),
        (["pub", "there", "--file=/nowhere"], "No such file"),
        (["pub", "a/b", "x"], "'a/b'"),
        (["pub", "full", "--policy=block", "--wait-readers=1", "--timeout=50ms", "x"], "no room for 50 ms"),
        (["channels", "nowhere"], "no channel 'nowhere'"),
        (["channels", "--remove", "nowhere"], "no channel 'nowhere'"),
        (["plugins", "nowhere"], "nowhere"),
        (["plugins", "--plugin-dir=/nowhere"], "/nowhere"),
    ],
)
def test_a_failure_is_one_sentence(house, arguments, words):
    done(house, "pub", "there", "x")
    assert words in refused(house, *arguments)


def test_input_that_ends_in_the_middle_of_a_message(house):
    assert "in the middle" in refused(house, "pub", "c", "--length-prefixed", data=b"\0\0\0\x09short")


def test_a_length_that_no_message_can_have_is_not_believed(house):
    assert "4294967295 bytes" in refused(house, "pub", "c", "--length-prefixed", data=b"\xff" * 8)


def test_output_that_cannot_be_written_is_a_failure(house):
    done(house, "pub", "c", "--size=1KiB", "--count=100")
    with open("/dev/full", "w") as full:
        answer = subprocess.run(
            [LEAT, "sub", "c", "--count=100"], env=house.environment, stdout=full, stderr=subprocess.PIPE, timeout=20
        )
    assert answer.returncode == 1 and b"standard output" in answer.stderr


def test_help_and_version(house):
    assert done(house, "--version").startswith(b"leat ")
    listing = done(house, "help").decode()
    for command in ("pub", "sub", "channels", "plugins", "ledger"):
        assert f"\n  {command} " in listing
        text = done(house, "help", command)
        assert text == done(house, command, "--help") and f"Usage: leat {command}".encode() in text


def test_help_on_help_is_help(house):
    assert done(house, "help", "help") == done(house, "help")


def test_where_no_gateway_has_run_the_command_that_starts_one_is_right(house):
    assert "`leatd -c FILE` starts one" in refused(house, "ledger", status=66)
