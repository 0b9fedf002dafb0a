"""sdk/doc/tutorial.md, done as it says by somebody who has only an installed leat: its code pasted, its commands typed, its output
compared. Ports are free ones; where a person is slow enough, the test waits for the event."""

import json
import re
import subprocess

import pytest

from support import TOP, wait_until
from test_examples import with_free_addresses

TUTORIAL = (TOP / "sdk/doc/tutorial.md").read_text()
PART = re.compile(r"(?m)^(?=/\* ---- )")
PATIENCE = 120  # for one command: under a sanitizer the conformance suite takes a while


def steps(text):
    """(kind, block, the text before it) for each block of the page."""
    at = 0
    for block in re.finditer(r"```(\w+)\n(.*?)```\n", text, re.S):
        yield block[1], block[2], text[at : block.start()]
        at = block.end()


class Terminal:
    """One bash. type(line) returns what was printed until the prompt came back."""

    def __init__(self, house):
        self.house = house
        self.log = house.path("terminal")
        with open(self.log, "w") as log:
            self.shell = house.start("bash", cwd=house.folder, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self.typed = 0

    def text(self):
        return self.log.read_text(errors="replace")

    def type(self, line):
        begin, prompt = len(self.text()), f"<prompt {self.typed} "
        self.typed += 1
        self.shell.stdin.write(f"{line}\necho '{prompt}'$?\n")
        self.shell.stdin.flush()
        wait_until(lambda: re.search(rf"{prompt}\d+\n", self.text()), f"{line}\n{self.text()}", seconds=PATIENCE)
        printed, status = re.search(rf"(.*)^{prompt}(\d+)\n", self.text()[begin:], re.S | re.M).groups()
        assert status == "0", f"{line}\n{printed}"
        return printed


class Reader:
    """Who follows the page."""

    def __init__(self, house):
        self.house = house
        self.terminal = Terminal(house)
        self.printed = ""

    def file(self, name):
        folder = self.house.path("throttle")
        return (folder if folder.exists() else self.house.folder) / name

    def sh(self, block, _before):
        self.printed = ""
        for line in block.splitlines():
            self.before(line)
            self.printed += self.terminal.type(line)
            self.after(line)

    def before(self, line):
        """What a person sees, and goes on then."""
        if line == "leat ledger tutorial":
            wait_until(lambda: self.bridge()["lanes"][0]["read"] == 101, "all is read")
        if line == "cat received.txt":
            wait_until(lambda: "ALARM" in self.file("received.txt").read_text(), "the alarm has come")

    def after(self, line):
        if line.startswith("leatd -c"):
            wait_until(lambda: self.books() and self.bridge()["state"] == "waiting", "the bridge waits for its channel")
        if line.startswith("nngcat --sub"):
            wait_until(lambda: self.bridge()["peers"] == 1, "the subscriber is there")

    def books(self):
        answer = self.house.run("leat", "ledger", "--json", "tutorial")
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def bridge(self):
        return self.books()["bridges"][0]

    def c(self, block, _before):
        """Takes the place of the part that begins with the same line."""
        file = self.file("throttle.c")
        heading = block.splitlines()[0]
        parts = PART.split(file.read_text())
        [place] = [index for index, part in enumerate(parts) if part.startswith(heading + "\n")]
        file.write_text("".join([*parts[:place], block, *parts[place + 1 :]]))

    def ini(self, block, before):
        name = re.findall(r"Save this as `(\S+)`", before)[-1]
        self.file(name).write_text(block)

    def text(self, block, _before):
        for line in block.splitlines():
            words = re.escape(" ".join(line.split()))
            words = re.sub(r"(?<=^ok\\ )\d+|(?<=^not\\ ok\\ )\d+|(?<=pid\\ )\d+|\d+(?=\\ ok)", r"\\d+", words)
            found = re.search(f"^{words}", self.plainly(), re.M)
            assert found, f"'{line}' is not in:\n{self.printed}"

    def plainly(self):
        return "\n".join(" ".join(line.split()) for line in self.printed.splitlines())


@pytest.mark.usefixtures("staged")
def test_the_tutorial_is_true(house):
    page = with_free_addresses(TUTORIAL, house)
    reader = Reader(house)
    done = [getattr(reader, kind)(block, before) for kind, block, before in steps(page)]
    assert len(done) > 15


def test_what_the_tutorial_points_to_is_there(staged):
    [page] = staged.rglob("tutorial.md")
    links = re.findall(r"\]\(([^):]+)\)", page.read_text())
    assert len(links) >= 5
    assert [link for link in links if not (page.parent / link).exists()] == [], "in the installed tree"
    assert [link for link in links if not (TOP / "sdk/doc" / link).exists()] == [], "in the sources"
