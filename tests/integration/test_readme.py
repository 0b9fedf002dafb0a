"""What the README types, typed: the sections on patterns and transports, with free ports and a folder of the test in place of /tmp."""

import os
import re
import subprocess
import urllib.request

import pytest

from support import BUILD, TOP, free_port, wait_until
from test_examples import with_free_addresses

README = (TOP / "README.md").read_text()


def typed(heading):
    """The commands of a section."""
    section = README.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    return re.search(r"```sh\n(.*?)```", section, re.S).group(1)


def script(commands):
    """The same for one terminal: what goes on until Ctrl-C goes to the background, and a consumer is content with one message."""
    commands = re.sub(r"(?m)\s+#.*$", "", commands)
    commands = re.sub(r"(?m)^(leatd -c .*|leat pub .* --rate .*|done|python3 -m http.server .*)$", r"\1 &", commands)
    commands = re.sub(r"(?m)^(nngcat --sub .*)$", r"\1 --count 1", commands)
    service = "until leat channels orders | grep -q service; do sleep 0.1; done"
    commands = re.sub(r"(?m)^(?=nngcat --req )", f"{service}\n", commands)
    ready = "until leat ledger NAME >/dev/null 2>&1; do sleep 0.1; done"
    return re.sub(r"(?m)^(leatd -c \S*?(\w[\w-]*)\.ini &)$", lambda line: line[1] + "\n" + ready.replace("NAME", line[2]), commands)


@pytest.fixture
def terminal(house):
    """terminal(heading) -> (the process, its output file, what was typed), in a copy of the checkout's shipped files."""
    house.environment["PATH"] = f"{BUILD}/bin:{house.environment['PATH']}"

    def run(heading):
        examples = house.folder / "conf/examples"
        examples.mkdir(parents=True)
        (house.folder / "sdk").symlink_to(TOP / "sdk")
        commands = typed(heading).replace("/tmp/tls", str(house.folder / "tls")).replace("8000", str(free_port()))
        used = [TOP / name for name in re.findall(r"conf/examples/\S+\.ini", commands)]
        # One replacement for all, so that a port of the README is that of its example.
        commands, *texts = with_free_addresses("\0".join([commands, *[file.read_text() for file in used]]), house).split("\0")
        for file, text in zip(used, texts):
            (examples / file.name).write_text(text)
        output = house.path("output")
        with open(output, "w") as log:
            process = house.start("sh", "-c", script(commands), cwd=house.folder, stdout=log, stderr=log)
        return process, output, commands

    return run


def test_ask_and_answer(terminal):
    process, output, _ = terminal("Ask and answer")
    wait_until(lambda: '"taken"' in output.read_text(), "nngcat prints the answer")
    assert process.wait(20) == 0


def test_encrypted(terminal):
    process, output, _ = terminal("Encrypted")
    assert process.wait(120) == 0, output.read_text()
    assert "configuration is valid" in output.read_text()
    assert re.search(r'^"\d+ ', output.read_text(), re.M), "nngcat prints a message"


def fetched(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def test_in_a_browser_the_page_and_its_socket_are_there(terminal, pynng):
    """tests/integration/test_browser.py looks at the page in Chromium."""
    _, output, commands = terminal("In a browser")
    assert "`http://127.0.0.1:8000`" in README
    port = re.search(r"http.server .* (\d+)", commands)[1]
    wait_until(lambda: "leat.js" in fetched(f"http://127.0.0.1:{port}"), "the page is served")
    [url] = re.findall(r"`(ws://\S+)`", README.split("### In a browser", 1)[1])
    config = next(output.parent.glob("conf/examples/browser.ini")).read_text()
    socket = re.search(r"(?m)^listen\s*=\s*(ws://\S+/quotes)", config)[1]
    assert re.sub(r":\d+/", "/", socket) == re.sub(r":\d+/", "/", url)
    with pynng.Sub0(dial=socket, topics=b"", recv_timeout=20_000, block_on_dial=False) as subscriber:
        assert subscriber.recv()


def test_change_it_while_it_runs(house):
    [first] = [text for text in re.findall(r"```ini\n(.*?)```", README, re.S) if "name = first" in text]
    house.path("first.ini").write_text(with_free_addresses(first, house))
    house.environment["PATH"] = f"{BUILD}/bin:{house.environment['PATH']}"
    house.start("leatd", "-c", "first.ini", cwd=house.folder)
    wait_until(lambda: house.run("leat", "ledger", "first").returncode == 0, "the gateway is there")
    answer = house.run("sh", "-ec", f"cd {house.folder}\n{typed('Change it while it runs')}\nleat config first")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("1 bridge stays") == 2, answer.stdout
    assert "first.ini:" in answer.stdout


@pytest.mark.usefixtures("staged")
def test_use_channels_from_c_cpp_and_python_and_write_a_plugin(house):
    """Both sections, in one terminal: the second needs what the first installs and exports."""
    house.environment["HOME"] = str(house.folder)
    (house.folder / "sdk").symlink_to(TOP / "sdk")
    commands = typed("Use channels from C, C++ and Python") + typed("Write a plugin")
    commands = commands.replace("build/try", str(BUILD))
    if "LEAT_SANITIZE" in os.environ:
        commands = commands.replace("g++", f"g++ -fsanitize={os.environ['LEAT_SANITIZE']}")
    answer = house.run("sh", "-ec", f"cd {house.folder}\n{commands}", seconds=120)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "2 as it was" in answer.stdout
    assert "sieve: pattern plugin" in answer.stdout


def test_the_python_program_prints_the_message(house):
    from python_package import run_here  # skips this test, and no other, where the package was not built

    [program] = re.findall(r"```python\n(.*?)```", README, re.S)
    process = run_here(house, "-u", "-c", program, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "b'EURUSD 1.0831' 0\n"
