"""Response headers on the wire, as a client sees them that keeps their names as they came."""

import socket

import pytest

pytestmark = pytest.mark.service


def names_of(org, path):
    host, port = org.url.removeprefix("http://").split(":")
    token = org.headers["Authorization"]
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head = answer.partition(b"\r\n\r\n")[0].decode()
    return [line.partition(":")[0] for line in head.splitlines()[1:]]


def test_names_are_spelled_as_salesforce_spells_them(org_process):
    names = names_of(org_process, "/services/data/v67.0/limits")
    assert {"Content-Type", "Sforce-Limit-Info"} <= set(names)


def test_a_body_of_known_length_is_not_chunked(org_process):
    names = [name.lower() for name in names_of(org_process, "/services/data/v67.0/limits")]
    assert names.count("content-length") == 1
    assert "transfer-encoding" not in names
