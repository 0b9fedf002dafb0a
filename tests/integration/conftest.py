"""What every end-to-end test starts from, and the list of tests that had to leave themselves out."""

import os

import pytest

from support import House


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def gateway(house):
    """gateway(text) -> a running leatd with that configuration."""
    return house.gateway


@pytest.fixture(scope="session")
def pynng():
    return pytest.importorskip("pynng", reason="pynng is not installed (no Python registry could be reached)")


def pytest_runtest_logreport(report):
    """tests/run prints this file at its end."""
    if report.skipped and "LEAT_LEFT_OUT" in os.environ:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        with open(os.environ["LEAT_LEFT_OUT"], "a") as file:
            file.write(f"{report.nodeid}: {reason}\n")
