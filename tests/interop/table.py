"""The matrix: every pattern and direction, on every transport, listening and dialling, with every implementation of the protocols.

A row says what the bridge is and what its peer is; a column where they meet. What a protocol does not
have is in REFUSED: leatd has to refuse it with a sentence."""

import dataclasses

MODES = ("listen", "dial")


@dataclasses.dataclass(frozen=True)
class Row:
    pattern: str
    direction: str
    peer: str  # the role of the remote program; empty: there is none
    options: str = ""
    answers: bool = False

    @property
    def name(self):
        return self.peer if self.peer and self.direction == "both" else f"{self.pattern}-{self.direction}"


ROWS = (
    Row("pubsub", "out", "sub"),
    Row("pubsub", "in", "pub"),
    Row("pipeline", "out", "pull"),
    Row("pipeline", "in", "push"),
    Row("reqrep", "out", "rep", answers=True),
    Row("reqrep", "in", "req", answers=True),
    Row("survey", "out", "respondent", answers=True),
    Row("survey", "in", "surveyor", answers=True),
    Row("bus", "both", "bus"),
    Row("pair", "both", "pair0"),
    Row("pair", "both", "pair1", options="pair.version = 1"),
)

# The bridge at the other end, for a transport that lives in one process.
OPPOSITE = {"pub": "pubsub-out", "sub": "pubsub-in", "push": "pipeline-out", "pull": "pipeline-in", "req": "reqrep-out",
            "rep": "reqrep-in", "surveyor": "survey-out", "respondent": "survey-in", "bus": "bus", "pair0": "pair0",
            "pair1": "pair1"}  # fmt: skip

# Directions that the protocol itself does not have, and what it has.
REFUSED = {
    ("pubsub", "both"): "out and in",
    ("pipeline", "both"): "out and in",
    ("reqrep", "both"): "out and in",
    ("survey", "both"): "out and in",
    ("bus", "out"): "both",
    ("bus", "in"): "both",
    ("pair", "out"): "both",
    ("pair", "in"): "both",
}


@dataclasses.dataclass(frozen=True)
class Column:
    name: str
    url: str  # {port}, {path} and {name} are filled in; a name for a host where a certificate is compared with it
    host: str = ""  # where the port is
    tls: bool = False
    plugin: str = ""  # whose reconnect_max makes a dialling bridge quick; none: it has no such option


COLUMNS = (
    Column("inproc", "inproc://{name}"),
    Column("ipc", "ipc://{path}", plugin="ipc"),
    Column("abstract", "abstract://{name}", plugin="ipc"),
    Column("tcp4", "tcp4://127.0.0.1:{port}", "127.0.0.1", plugin="tcp"),
    Column("tcp6", "tcp6://[::1]:{port}", "::1", plugin="tcp"),
    Column("ws", "ws://127.0.0.1:{port}/{name}", "127.0.0.1", plugin="ws"),
    Column("tls+tcp", "tls+tcp4://localhost:{port}", "127.0.0.1", tls=True, plugin="tls"),
    Column("wss", "wss4://localhost:{port}/{name}", "127.0.0.1", tls=True, plugin="tls"),
)

PROGRAMS = ("pynng", "libnng", "mangos", "nngcat")


def implementations(column):
    """inproc joins bridges of one process, and nothing else can be there."""
    return ("leat",) if column.name == "inproc" else PROGRAMS


@dataclasses.dataclass(frozen=True)
class Cell:
    row: Row
    column: Column
    mode: str  # of the gateway
    implementation: str

    def __str__(self):
        return f"{self.column.name}-{self.row.name}-{self.mode}-{self.implementation}"

    @property
    def bridge(self):
        return f"{self.row.name}-{self.mode}-{self.implementation}"


def columns(transport=None):
    return [column for column in COLUMNS if transport in (None, column.name)]


def cells(transport=None):
    """Every cell, column after column, because the cells of a column share a gateway."""
    return [
        Cell(row, column, mode, implementation)
        for column in columns(transport)
        for row in ROWS
        for mode in MODES
        for implementation in implementations(column)
    ]


def refusals(transport=None):
    """Every cell that there cannot be, in the same order."""
    return [
        Cell(Row(pattern, direction, peer=""), column, mode, "nothing")
        for column in columns(transport)
        for pattern, direction in REFUSED
        for mode in MODES
    ]
