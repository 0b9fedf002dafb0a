"""What the ends of a TLS cell are given: whoever listens shows a certificate, and whoever dials knows its authority."""

from certificates import Authority


class Papers:
    def __init__(self, folder):
        authority = Authority(folder, "interop")
        self.ca = authority.certificate
        self.server = authority.issue("localhost", "DNS:localhost,IP:127.0.0.1")

    def of_bridge(self, mode):
        return f"tls.cert = {self.server.both}" if mode == "listen" else f"tls.ca = {self.ca}"

    def of_program(self, mode):
        return ("--cert", self.server.both) if mode == "listen" else ("--ca", self.ca, "--server-name", "localhost")

    def of_nngcat(self, mode):
        return ("--cert", self.server.both) if mode == "listen" else ("--cacert", self.ca)
