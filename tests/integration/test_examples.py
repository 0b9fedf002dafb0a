"""Every configuration that is shipped is accepted, starts, and stops."""

import json
import re

import pytest

from support import LEAT, LEATD, TOP, free_port, wait_until

SHIPPED = sorted([TOP / "conf/leat.ini", *(TOP / "conf/examples").glob("*.ini")])


def with_free_addresses(text, house):
    """The same configuration on ports and paths that are free, so that tests may run side by side."""
    text = re.sub(r"(tcp://127\.0\.0\.1:)\d+", lambda match: match.group(1) + str(free_port()), text)
    return re.sub(r"ipc:///\S*/", f"ipc://{house.shm}/", text)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_configuration_starts_and_stops(house, gateway, file):
    text = with_free_addresses(file.read_text(), house)
    name = re.search(r"^name\s*=\s*(\S+)", text, re.M).group(1)
    running = gateway(text, name=name)
    assert {bridge["name"] for bridge in running.page()["bridges"]} == set(re.findall(r"^\[bridge\.(\S+)\]", text, re.M))
    assert running.stop() == 0


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


def test_there_are_examples():
    assert len(SHIPPED) >= 6


def test_the_default_configuration_is_accepted_as_it_is(house):
    answer = house.run(LEATD, "--check", "-c", TOP / "conf/leat.ini")
    assert answer.returncode == 0 or "in use" in answer.stderr, answer.stderr
