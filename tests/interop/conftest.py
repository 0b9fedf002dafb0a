"""What the interop tests start from: the house, gateways and fixtures of the end-to-end tests, and what all peers need."""

import importlib.util
import pathlib
import sys

import pytest

END_TO_END = pathlib.Path(__file__).resolve().parents[1] / "integration"
sys.path.insert(0, str(END_TO_END))

spec = importlib.util.spec_from_file_location("end_to_end_conftest", END_TO_END / "conftest.py")
end_to_end = importlib.util.module_from_spec(spec)
spec.loader.exec_module(end_to_end)
house, gateway, pynng = end_to_end.house, end_to_end.gateway, end_to_end.pynng
pytest_runtest_logreport = end_to_end.pytest_runtest_logreport


def pytest_addoption(parser):
    parser.addoption("--transport", help="only the cells of this column")


def pytest_generate_tests(metafunc):
    """A test of the matrix runs once for each cell of its table."""
    import table

    for name, of in {"cell": table.cells, "refusal": table.refusals}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, of(metafunc.config.getoption("--transport")), ids=str)


def pytest_collection_modifyitems(items):
    """Column after column: the cells of a column share a gateway."""
    import table

    def column(item):
        of = getattr(item, "callspec", None)
        cell = of and (of.params.get("cell") or of.params.get("refusal"))
        return table.COLUMNS.index(cell.column) if cell else -1

    items.sort(key=column)
