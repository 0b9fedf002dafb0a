"""Every pattern x transport x direction x listening or dialling, each with programs that know nothing of leat: the cells of table.py."""

import flows
import peers
import pytest
import table
from column import ColumnHouse
from papers import Papers


class Columns:
    """At most one column is there at a time: cells come column after column."""

    def __init__(self, folders):
        self.folders = folders
        self.papers = Papers(folders.mktemp("papers"))
        self.current = None

    def of(self, column):
        if not self.current or self.current.column != column:
            self.close()
            self.current = ColumnHouse(self.folders.mktemp("column"), column, self.papers)
        return self.current

    def close(self):
        current, self.current = self.current, None
        if current:
            current.close()


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    columns = Columns(tmp_path_factory)
    yield columns
    columns.close()


def test_cell(cell, columns):
    column = columns.of(cell.column)
    _, why = peers.command(cell.implementation)
    if why:
        column.counts[why] += 1
        pytest.skip(why)
    ends = column.ends(cell.bridge)
    peer = column.peer(cell)
    try:
        flows.BY_ROW[cell.row.name](ends, peer)
    except BaseException:
        print(f"the bridge's books: {column.gateway.bridge(cell.bridge)}")
        raise
    finally:
        peer.close()
    column.counts["run"] += 1


def test_refused(refusal, columns):
    column = columns.of(refusal.column)
    row = refusal.row
    has = table.REFUSED[row.pattern, row.direction]
    sentence = f"[bridge.refused] direction = {row.direction}: pattern '{row.pattern}' has no such direction; it has {has}\n"
    assert sentence in column.refusal(refusal)
    column.counts["refused"] += 1


def test_the_matrix_has_no_empty_cell():
    ways = {(row.pattern, row.direction) for row in table.ROWS} | set(table.REFUSED)
    assert ways == {(pattern, way) for pattern, _ in ways for way in ("out", "in", "both")}
    filled = {(cell.row, cell.column, cell.mode) for cell in table.cells()}
    assert len(filled) == len(table.ROWS) * len(table.COLUMNS) * len(table.MODES)
