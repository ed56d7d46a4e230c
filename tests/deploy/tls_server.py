"""A PostgreSQL server with TLS: the test's own server behind an end of TLS, which the packaged one
is built without.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

_SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])
"""Protocol of PostgreSQL, "SSL Session Encryption": the first message of a client that wants
TLS.
"""


@contextmanager
def tls_in_front_of(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """The port of a server that takes TLS only and hands everything to the server at `port`."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=_accept, args=(listening, port, context), daemon=True).start()
        yield int(listening.getsockname()[1])


def _accept(listening: socket.socket, port: int, context: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, port, context), daemon=True).start()


def _serve(client: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with suppress(OSError), closing(client):
        if client.recv(8) != _SSL_REQUEST:
            return  # a client that would speak in the clear
        client.sendall(b"S")
        with (
            closing(context.wrap_socket(client, server_side=True)) as secured,
            closing(socket.create_connection(("127.0.0.1", port))) as server,
        ):
            back = threading.Thread(target=_copy, args=(server, secured), daemon=True)
            back.start()
            _copy(secured, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
