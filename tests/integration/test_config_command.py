"""`leat config`: what it prints is in force, says where it comes from, can be used in place of what it was made of, and tells no secret.
`leat check` says what `leatd --check` says."""

import json
import os
import pathlib
import random

import pytest

from certificates import Authority
from support import LEAT, LEATD, TOP, free_port

EXAMPLES = sorted((TOP / "conf/examples").glob("*.ini")) + [TOP / "conf/leat.ini"]

LAYERED = """
[gateway]
name = edge
x-note = mine

[template.public]
pattern = pubsub
direction = out
pubsub.prefix = "a;b #"
receive_limit = ${env:LEAT_TEST_LIMIT:-1MiB}

[bridge.quotes]
like = public
channel = shm://quotes
listen = ipc:///tmp/leat-${env:LEAT_TEST_NAME}

[bridge.safe]
like = quotes
listen = tls+tcp://127.0.0.1:7001
tls.cert = certs/server.pem
tls.key = certs/server.key
tls.key_password = ${file:word}

[x-mine]
anything = $
"""
DROP_IN = '[bridge.quotes]\nlisten = ipc:///tmp/leat-$${home}, \\\n    ipc:///tmp/other\n'


def layered(house, text=LAYERED):
    """A configuration of several files in a folder of its own."""
    folder = house.path("etc")
    (folder / "conf.d").mkdir(parents=True)
    (folder / "leat.ini").write_text(text)
    (folder / "word").write_text("open sesame\n")
    (folder / "conf.d" / "site.ini").write_text(DROP_IN)
    house.environment["LEAT_TEST_NAME"] = "q"
    return folder / "leat.ini"


def show(house, file, *arguments):
    answer = house.run(LEAT, "config", "-c", file, *arguments)
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stderr
    return answer.stdout


def elsewhere(house, text, name="again"):
    """The text as a file in another folder."""
    folder = house.path(name)
    folder.mkdir()
    file = folder / "other.ini"
    file.write_text(text)
    return file


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
@pytest.mark.parametrize("how", [[], ["--all"], ["--show-secrets"]], ids=["set", "all", "secrets"])
def test_an_example_that_was_printed_is_the_same_configuration(house, file, how):
    copy = elsewhere(house, show(house, file, *how))
    assert show(house, copy, "--bare") == show(house, file, "--bare") or "--all" in how
    assert show(house, copy, "--all", "--bare") == show(house, file, "--all", "--bare")


@pytest.mark.parametrize("how", [[], ["--bare"], ["--all"], ["--show-secrets"]])
def test_layers_that_were_printed_are_the_same_configuration(house, how):
    file = layered(house)
    copy = elsewhere(house, show(house, file, *how))
    del house.environment["LEAT_TEST_NAME"]
    again = show(house, copy, "--all", "--bare", "--show-secrets")
    house.environment["LEAT_TEST_NAME"] = "q"
    assert again == show(house, file, "--all", "--bare", "--show-secrets")


def test_each_value_names_its_place(house):
    etc = house.path("etc")
    lines = show(house, layered(house)).splitlines()

    def place(key):
        """Behind the value, or above where the line would be long."""
        at = next(at for at, line in enumerate(lines) if line.startswith(f"{key} = "))
        return lines[at].partition(" ; ")[2] or lines[at - 1].removeprefix("# ")

    assert place("name") == f"{etc}/leat.ini:3"
    assert place("pattern") == f"{etc}/leat.ini:7, [template.public]"
    assert place("receive_limit") == f"{etc}/leat.ini:10, [template.public], ${{env:LEAT_TEST_LIMIT:-1MiB}}"
    assert place("listen").startswith(f"{etc}/conf.d/site.ini:2")
    assert place("tls.cert") == f"{etc}/leat.ini:20"
    assert f"tls.cert = {etc}/certs/server.pem" in "\n".join(lines)


def test_a_secret_is_shown_to_those_only_who_ask_for_it(house):
    file = layered(house)
    for how in ([], ["--all"], ["--bare"], ["--json"]):
        assert "sesame" not in show(house, file, *how), how
    assert f"tls.key_password = ${{file:{house.path('etc')}/word}}" in show(house, file)
    assert "tls.key_password = open sesame" in show(house, file, "--show-secrets")


@pytest.mark.parametrize("written", ["hunter2", "${env:LEAT_TEST_NO:-hunter2}", "hunter2${env:LEAT_TEST_NAME}"])
def test_a_secret_that_stands_in_the_file_becomes_a_comment(house, written):
    file = layered(house, LAYERED.replace("${file:word}", written))
    for how in ([], ["--all"], ["--bare"], ["--json"]):
        assert "hunter2" not in show(house, file, *how), how
    assert f"# tls.key_password = (secret) ; {file}:22" in show(house, file)
    assert "tls.key_password = hunter2" in show(house, file, "--show-secrets")
    show(house, elsewhere(house, show(house, file)))


def test_what_no_line_can_say_stays_as_it_was_written(house):
    file = layered(house, LAYERED.replace('"a;b #"', "${env:LEAT_TEST_ODD}"))
    for odd in ("two\nlines", """'both" kinds'""", "x" * 2000, "back\\", "a ; b' c\""):
        house.environment["LEAT_TEST_ODD"] = odd
        assert "pubsub.prefix = ${env:LEAT_TEST_ODD}" in show(house, file, "--bare"), odd


def test_any_value_that_a_variable_brings_survives(house):
    file = layered(house, LAYERED.replace('"a;b #"', "${env:LEAT_TEST_ODD}"))
    random.seed(7)
    for turn in range(30):
        value = "".join(random.choice("ab \"';#$\\{}=[]:") for _ in range(random.randrange(1, 9)))
        house.environment["LEAT_TEST_ODD"] = value
        copy = elsewhere(house, show(house, file), f"turn-{turn}")
        entries = json.loads(show(house, copy, "--json"))["entries"]
        prefix = next(entry["value"] for entry in entries if entry["key"] == "pubsub.prefix")
        assert prefix == value


def test_what_is_wrong_is_said_and_nothing_printed(house):
    file = house.path("wrong.ini")
    file.write_text("[bridge.a]\npattern = pubsbu\ndirection = out\nchannel = shm://a\nlisten = tcp://127.0.0.1:1\n")
    answer = house.run(LEAT, "config", "-c", file)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith(f"{file}:2: [bridge.a] pattern = pubsbu: no plugin 'pubsbu'")


VALID = "[bridge.a]\npattern = pubsub\ndirection = out\nchannel = shm://a\nlisten = tcp://127.0.0.1:{port}\n"


def test_check_says_what_the_gateway_says(house):
    file = house.path("one.ini")
    file.write_text(VALID.format(port=free_port()))
    answer = house.run(LEAT, "check", file)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "configuration is valid: 1 bridge\n", "")
    file.write_text(VALID.format(port="x") + "colour = red\n")
    ours, its = house.run(LEAT, "check", "-c", file), house.run(LEATD, "--check", "-c", file)
    assert (ours.returncode, ours.stdout, ours.stderr) == (its.returncode, its.stdout, its.stderr)
    assert ours.returncode == 78


def test_check_answers_programs_in_json(house):
    file = house.path("one.ini")
    file.write_text(VALID.format(port=free_port()))
    good = house.run(LEAT, "check", "--format=json", file)
    assert good.returncode == 0
    assert json.loads(good.stdout) == {"valid": True, "bridges": 1, "problems": [], "warnings": []}
    file.write_text(VALID.format(port="x") + "patern = 1\n")
    bad = house.run(LEATD, "--check", "--format=json", "-c", file)
    answer = json.loads(bad.stdout)
    assert (bad.returncode, bad.stderr, answer["valid"]) == (78, "", False)
    assert [(problem["file"], problem["line"]) for problem in answer["problems"]] == [(str(file), 5), (str(file), 6)]
    assert answer["problems"][1]["text"] == "[bridge.a] patern: unknown key; did you mean 'pattern'?"
    missing = house.run(LEAT, "check", "--format", "json", house.path("none.ini"))
    assert missing.returncode == 78 and json.loads(missing.stdout)["problems"][0]["file"] == str(house.path("none.ini"))


def test_what_is_worth_a_warning_reaches_programs_too(house):
    server = Authority(house.folder, "ours").issue("server", "DNS:localhost", ends=9)
    file = house.path("ends.ini")
    listen = f"tls+tcp://127.0.0.1:{free_port()}\ntls.cert = {server.certificate}\ntls.key = {server.key}"
    file.write_text(f"[bridge.a]\npattern = pubsub\ndirection = out\nchannel = shm://a\nlisten = {listen}\n")
    answer = house.run(LEAT, "check", "--format=json", file)
    found = json.loads(answer.stdout)
    assert (answer.returncode, found["valid"], found["problems"]) == (0, True, [])
    [warning] = found["warnings"]
    assert (warning["file"], warning["line"]) == (str(file), 1)
    assert warning["text"].startswith("[bridge.a] tls: ") and "expires" in warning["text"]
    assert "expires" in house.run(LEAT, "check", file).stderr, "people see it as a line"


def test_a_plugin_that_crashes_is_named(house):
    folder = house.path("plugins")
    folder.mkdir()
    build = pathlib.Path(os.environ["LEAT_BUILD"])
    for file in (build / "plugins").glob("*.so"):
        (folder / file.name).symlink_to(file)
    (folder / "crash.so").symlink_to(build / "broken-plugins/crash.so")
    file = house.path("one.ini")
    file.write_text(f"[gateway]\nplugin_dir = {folder}\n" + VALID.format(port=1).replace("pubsub", "crash"))
    answer = house.run(LEAT, "config", "-c", file)
    assert answer.returncode == 1 and answer.stdout == ""
    assert "plugin crash.so crashed" in answer.stderr, answer.stderr


def test_a_running_gateway_tells_what_is_in_force_whatever_its_file_says_by_now(house):
    house.path("token").write_text("abracadabra-0123456789")
    gateway = house.gateway(
        f"[gateway]\nname = test\nadmin = http://127.0.0.1:{free_port()}\nadmin_token = ${{file:token}}\n"
        "[bridge.quotes]\npattern = pubsub\ndirection = out\nchannel = shm://quotes\n"
        f"listen = {house.ipc('quotes')}\n"
    )
    before = house.run(LEAT, "config", "test").stdout
    assert "admin_token = ${file:" in before and "abracadabra" not in before
    assert f"listen = {house.ipc('quotes')}" in before

    gateway.configuration.write_text("nonsense")
    assert house.run(LEAT, "config", "test").stdout == before
    [listen] = [entry for entry in json.loads(house.run(LEAT, "config", "--json", "test").stdout)["entries"]
                if entry["key"] == "listen"]
    assert (listen["value"], listen["line"]) == (house.ipc("quotes"), 9)
    answer = house.run(LEAT, "config", "nobody")
    assert (answer.returncode, answer.stderr) == (66, "leat config: no gateway named 'nobody' has run here\n")


def test_a_running_gateway_tells_what_is_in_force_whatever_its_file_says_by_now(house, gateway):
    text = VALID.format(port=free_port()) + "shm.group = ${file:group}\nreceive_limit = 3MiB\n"
    house.path("group").write_text("root\n")
    running = gateway(text)
    expected = show(house, running.configuration)
    running.configuration.write_text("[gateway]\nname = other\n")
    answer = house.run(LEAT, "config", "test")
    assert (answer.returncode, answer.stderr, answer.stdout) == (0, "", expected)
    assert "receive_limit = 3MiB" in expected and f"shm.group = ${{file:{house.path('group')}}}" in expected
    bare = house.run(LEAT, "config", "test", "--all", "--bare").stdout
    assert show(house, elsewhere(house, bare), "--all", "--bare") == bare
