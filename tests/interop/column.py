"""One gateway for all cells of a column, each with a bridge and channels of its own; a worker for each pattern."""

import collections
import socket

import peers
import table
from support import LEATD, House, note

Ends = collections.namedtuple("Ends", "writer reader shared")  # one may be None; shared: both are of one channel

OTHER = {"listen": "dial", "dial": "listen"}


class Ports:
    """Ports that nothing else on this machine draws by chance while the column needs them: each is held by a socket that does not
    listen, and SO_REUSEADDR lets those that are to listen there do so."""

    def __init__(self):
        self.held = []

    def hold(self, host):
        keeper = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind((host, 0))
        self.held.append(keeper)
        return keeper.getsockname()[1]

    def release(self):
        for keeper in self.held:
            keeper.close()


class Side:
    """A bridge of the configuration: where it meets its peer, and the channels that local programs have."""

    def __init__(self, row, mode, name, url, one_channel=False):
        self.row, self.mode, self.name, self.url = row, mode, name, url
        inward, replies = row.direction == "in", f"{name}.replies"
        self.reply_channel = row.answers or (row.direction == "both" and not one_channel)
        self.writes = replies if row.answers and inward else None if inward else name
        self.reads = None if row.direction == "out" and not row.answers else replies if self.reply_channel and not inward else name

    def text(self, column, papers):
        lines = [f"[bridge.{self.name}]", f"worker = {self.row.pattern}", f"pattern = {self.row.pattern}"]
        lines += [f"direction = {self.row.direction}", f"channel = shm://{self.name}", "shm.capacity = 512KiB"]
        lines += [f"reply_channel = shm://{self.name}.replies"] * self.reply_channel
        lines += [f"{self.mode} = {self.url}", self.row.options]
        if column.plugin and self.mode == "dial":
            lines.append(f"{column.plugin}.reconnect_max = 300ms")
        if column.tls:
            lines.append(papers.of_bridge(self.mode))
        return "\n".join(lines)


class ColumnHouse:
    def __init__(self, folder, column, papers):
        self.column, self.papers = column, papers
        self.house, self.ports = House(folder), Ports()
        self.counts = collections.Counter()
        self.sides = {}  # by the bridge's name
        for cell in table.cells(column.name):
            self._add(cell)
        try:
            self._start()
        except BaseException:
            self.house.close()
            raise

    def _start(self):
        self.writers = {
            side.name: self.house.writer(side.writes, capacity=512 << 10) for side in self.sides.values() if side.writes
        }
        bridges = (side.text(self.column, self.papers) for side in self.sides.values())
        self.gateway = self.house.gateway("\n".join(bridges), name=f"interop-{self.column.name.replace('+', '-')}")

    def _add(self, cell):
        url = self._url(cell.bridge)
        # A duplex bridge has one channel for both ways when it dials, and two when it listens.
        self.sides[cell.bridge] = Side(cell.row, cell.mode, cell.bridge, url, one_channel=cell.mode == "dial")
        if cell.implementation == "leat":
            row = next(row for row in table.ROWS if row.name == table.OPPOSITE[cell.row.peer])
            name = f"{cell.bridge}-opposite"
            self.sides[name] = Side(row, OTHER[cell.mode], name, url)

    def _url(self, name):
        where = {"name": f"{self.house.shm.name}-{name}", "path": f"{self.house.shm}/{name}"}
        if self.column.host:
            where["port"] = self.ports.hold(self.column.host)
        return self.column.url.format(**where)

    def refusal(self, cell):
        """What leatd --check says of a bridge that there cannot be."""
        side = Side(cell.row, cell.mode, "refused", self._url("refused"))
        configuration = self.house.path("refused.ini")
        configuration.write_text(f"[gateway]\nname = refused\n{side.text(self.column, self.papers)}\n")
        answer = self.house.run(LEATD, "--check", "-c", configuration)
        assert answer.returncode == 78, answer
        return answer.stderr

    def ends(self, name):
        side = self.sides[name]
        reader = self.house.reader(side.reads) if side.reads else None
        return Ends(self.writers.get(name), reader, side.reads == side.writes)

    def peer(self, cell):
        """The peer of this cell, connected: both ends have seen each other."""
        if cell.implementation == "leat":
            opposite = f"{cell.bridge}-opposite"
            self.gateway.wait_for_peers(opposite, 1)
            peer = peers.Opposite(self.ends(opposite), cell.row.peer)
        else:
            papers = self.papers if self.column.tls else None
            where = OTHER[cell.mode], self.sides[cell.bridge].url, papers
            peer = peers.start(cell.implementation, self.house, cell.row.peer, *where)
        self.gateway.wait_for_peers(cell.bridge, 1)
        peer.wait_until_joined()
        return peer

    def close(self):
        run, refused = self.counts.pop("run", 0), self.counts.pop("refused", 0)
        left_out = "".join(f"; {number} left out: {why}" for why, number in self.counts.items())
        note(f"interop {self.column.name}: {run} cells run, {refused} refused as they must be{left_out}")
        self.house.close()
        self.ports.release()
