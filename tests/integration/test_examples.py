"""Every configuration that is shipped is accepted, starts, does what it claims, and stops."""

import configparser
import contextlib
import json
import os
import re
import shlex
import subprocess

import pytest

from claims import CLAIMS, Example
from support import LEAT, LEATD, TOP, free_port, wait_until

try:
    import pynng
except ImportError:
    pynng = None

SHIPPED = sorted([TOP / "conf/leat.ini", *(TOP / "conf/examples").glob("*.ini")])

# host:port of a URL, in brackets for IPv6
AT_A_PORT = re.compile(r"((?:tls\+)?(?:tcp|ws|wss)[46]?://(?:[\w.*-]+|\[[^]]*\])?:)(\d+)")


def with_free_addresses(text, house):
    """The same configuration on ports and paths that are free, so that tests may run side by side. What shares a port goes on
    sharing one."""
    ports = {}
    text = AT_A_PORT.sub(lambda match: match.group(1) + str(ports.setdefault(match.group(2), free_port())), text)
    text = re.sub(r"abstract://", f"abstract://{house.shm.name}-", text)
    text = re.sub(r"(?m)^(channel\s*=\s*cppipc://\S+)$", rf"\1\ncppipc.directory = {house.shm}", text)
    return re.sub(r"ipc:///\S*/", f"ipc://{house.shm}/", text)


def with_a_group_of_ours(text):
    """Only root may give a file to any group."""
    return text if os.geteuid() == 0 else re.sub(r"(?m)^(ipc\.group\s*=).*", rf"\1 {os.getegid()}", text)


def follow_recipes(text, folder):
    """Types the commands that an example's comments tell to type: what makes its certificates."""
    for command in re.findall(r"(?m)^#\s+(openssl .*)$", text):
        subprocess.run(shlex.split(command), cwd=folder, check=True, capture_output=True, timeout=120)


def keys(text):
    parser = configparser.ConfigParser(inline_comment_prefixes=(" ;",), interpolation=None)
    parser.read_string(text)
    return {name.removeprefix("bridge."): dict(parser[name]) for name in parser.sections() if name.startswith("bridge.")}


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_configuration_starts_does_what_it_claims_and_stops(house, gateway, file):
    text = with_a_group_of_ours(with_free_addresses(file.read_text(), house))
    follow_recipes(text, house.folder)
    name = re.search(r"^name\s*=\s*(\S+)", text, re.M).group(1)
    running = gateway(text, name=name)
    assert {bridge["name"] for bridge in running.page()["bridges"]} == set(keys(text))
    if pynng:
        with contextlib.closing(Example(house, running, keys(text), pynng)) as example:
            CLAIMS[file.name](example)
    assert running.stop() == 0
    if not pynng:
        pytest.skip("pynng is not installed: it started and stopped, but its claim was not tried")


def test_every_claim_is_one_of_a_shipped_configuration():
    assert set(CLAIMS) == {file.name for file in SHIPPED}


def test_what_the_default_configuration_offers_in_comments_is_accepted(house):
    """Its bridges to start from, with the '#' and the blank after it taken away."""
    text = (TOP / "conf/leat.ini").read_text()
    head, offered = text.split("# More bridges to start from", 1)
    lines = [line[2:] for line in offered.splitlines() if re.match(r"# (\[|[a-z_.]+ *= )", line)]
    file = house.path("offered.ini")
    file.write_text(with_free_addresses(head + "\n" + "\n".join(lines) + "\n", house))
    answer = house.run(LEATD, "--check", "-c", file)
    assert answer.returncode == 0, answer.stderr
    assert len(keys(file.read_text())) == 1 + sum(line.startswith("[") for line in lines) > 2


def policies(house):
    answer = house.run(LEAT, "channels", "--json")
    assert answer.returncode == 0, answer.stderr
    return {channel["name"]: channel["policy"] for channel in json.loads(answer.stdout)}


def pipeline_reference(house):
    """The first example in what `leat plugins pipeline` prints."""
    return re.search(r"^ *\[bridge\.jobs\].*?\n\n", house.run(LEAT, "plugins", "pipeline").stdout, re.M | re.S).group(0)


@pytest.mark.parametrize("text", ["example", "reference"])
def test_what_promises_that_nothing_is_lost_has_a_channel_of_policy_block(house, gateway, text):
    shipped = (TOP / "conf/examples/pipeline-out.ini").read_text() if text == "example" else pipeline_reference(house)
    text = re.sub(r"tcp://\S+:\d+", f"tcp://127.0.0.1:{free_port()}", shipped)
    gateway(text, name="pipeline-out")
    wait_until(lambda: policies(house).get("jobs") == "block", "the channel is one that holds its producer")


def test_the_default_configuration_is_accepted_as_it_is(house):
    answer = house.run(LEATD, "--check", "-c", TOP / "conf/leat.ini")
    assert answer.returncode == 0 or "in use" in answer.stderr, answer.stderr
