"""Every configuration that is shipped is accepted, starts, and stops."""

import re

import pytest

from support import LEATD, TOP, free_port

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


def test_there_are_examples():
    assert len(SHIPPED) >= 6


def test_the_default_configuration_is_accepted_as_it_is(house):
    answer = house.run(LEATD, "--check", "-c", TOP / "conf/leat.ini")
    assert answer.returncode == 0 or "in use" in answer.stderr, answer.stderr
