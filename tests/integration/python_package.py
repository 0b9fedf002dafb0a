"""The Python package of the SDK as the build makes it (BUILD/python), for the tests of it."""

import os
import sys

import pytest

from support import BUILD, TOP

FOLDER = BUILD / "python"
if not (FOLDER / "leat" / "_leat.abi3.so").exists():
    pytest.skip("the Python package is not built: python3-dev is not here", allow_module_level=True)
sys.path.insert(0, str(FOLDER))

import leat  # noqa: E402

EXAMPLES = TOP / "sdk/examples/python"


def run_here(house, *command, **how):
    """A Python program with the package. It loads libleat, so under the address sanitizer it needs what this process has."""
    sanitizer = {name: os.environ[name] for name in ("LD_PRELOAD", "ASAN_OPTIONS") if name in os.environ}
    plain = house.environment
    house.environment = {**plain, **sanitizer, "PYTHONPATH": str(FOLDER)}
    try:
        return house.start(sys.executable, *command, **how)
    finally:
        house.environment = plain


__all__ = ["EXAMPLES", "FOLDER", "leat", "run_here"]
