# The dialling one of a pair, encrypted; cert.pem is the listener's certificate.
from pynng import Pair0, TLSConfig

address = "tls+tcp://localhost:13131"

config = TLSConfig(TLSConfig.MODE_CLIENT, server_name="localhost", ca_files="cert.pem")

with Pair0(tls_config=config, recv_timeout=20000) as s1:
    s1.dial(address)
    s1.send(b"ping-0")
    print(f"<< {s1.recv()}")
