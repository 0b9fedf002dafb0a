"""What every end-to-end test starts from, and the list of tests that had to leave themselves out."""

import os
import subprocess

import pytest

import browser as chromium
from support import BUILD, House


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def gateway(house):
    """gateway(text) -> a running leatd with that configuration."""
    return house.gateway


@pytest.fixture
def staged(house):
    """The installed tree, with the environment as a user of it has it."""
    prefix = house.path("usr")
    subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, capture_output=True)
    del house.environment["LEAT_PLUGIN_DIR"]
    house.environment.pop("LD_LIBRARY_PATH", None)
    [pkgconfig] = {str(file.parent) for file in prefix.rglob("leat.pc")}
    house.environment["PATH"] = f"{prefix}/bin:{os.environ['PATH']}"
    house.environment["PKG_CONFIG_PATH"] = pkgconfig
    return prefix


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    program = chromium.find()
    if not program:
        pytest.skip("no Chromium is installed")
    if not os.path.exists("/proc/cpuinfo"):
        pytest.skip("Chromium cannot run where /proc/cpuinfo is hidden, as from a service")
    browser = chromium.Browser(program)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def pynng():
    return pytest.importorskip("pynng", reason="pynng is not installed (no Python registry could be reached)")


def pytest_runtest_logreport(report):
    """tests/run prints this file at its end."""
    if report.skipped and "LEAT_LEFT_OUT" in os.environ:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        with open(os.environ["LEAT_LEFT_OUT"], "a") as file:
            file.write(f"{report.nodeid}: {reason}\n")
