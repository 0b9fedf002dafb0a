"""One gateway for all cells of a column, each with a bridge and channels of its own; a worker for each pattern."""

import collections
import socket

import peers
import table
from support import House, note

Ends = collections.namedtuple("Ends", "writer reader")  # one may be None

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

    def __init__(self, row, mode, name, url):
        self.row, self.mode, self.name, self.url = row, mode, name, url
        inward = row.direction == "in"
        self.writes = f"{name}.replies" if row.answers and inward else None if inward else name
        self.reads = name if inward else f"{name}.replies" if row.reply_channel else None

    def text(self, column, papers):
        lines = [f"[bridge.{self.name}]", f"worker = {self.row.pattern}", f"pattern = {self.row.pattern}"]
        lines += [f"direction = {self.row.direction}", f"channel = shm://{self.name}", "shm.capacity = 512KiB"]
        lines += [f"reply_channel = shm://{self.name}.replies"] * self.row.reply_channel
        lines += [f"{self.mode} = {self.url}", self.row.options]
        if column.plugin and self.mode == "dial":
            lines.append(f"{column.plugin}.reconnect_max = 100ms")
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
        self.writers = {
            side.name: self.house.writer(side.writes, capacity=512 << 10) for side in self.sides.values() if side.writes
        }
        bridges = (side.text(column, papers) for side in self.sides.values())
        self.gateway = self.house.gateway("\n".join(bridges), name=f"interop-{column.name.replace('+', '-')}")

    def _add(self, cell):
        url = self._url(cell.bridge)
        self.sides[cell.bridge] = Side(cell.row, cell.mode, cell.bridge, url)
        if cell.implementation == "leat":
            row = next(row for row in table.ROWS if row.name == table.OPPOSITE[cell.row.peer])
            name = f"{cell.bridge}-opposite"
            self.sides[name] = Side(row, OTHER[cell.mode], name, url)

    def _url(self, name):
        where = {"name": f"{self.house.shm.name}-{name}", "path": f"{self.house.shm}/{name}"}
        if self.column.host:
            where["port"] = self.ports.hold(self.column.host)
        return self.column.url.format(**where)

    def ends(self, name):
        side = self.sides[name]
        return Ends(self.writers.get(name), self.house.reader(side.reads) if side.reads else None)

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
        left_out = sum(number for what, number in self.counts.items() if what != "run")
        why = "".join(f"; {number} {what}" for what, number in self.counts.items() if what != "run")
        note(f"interop {self.column.name}: {self.counts['run']} cells run, {left_out} left out{why}")
        self.house.close()
        self.ports.release()
