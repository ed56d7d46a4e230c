"""The sandbox's S3 keeps what S3 promises where the engine relies on it."""

import socket
import time
import uuid
from http import HTTPStatus
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from clients.storage.objects import ObjectStore, S3Address

pytestmark = pytest.mark.service

BODY = b"x" * 100


def upload(address: S3Address, key: str, sent: bytes) -> bytes:
    """Begin to put `BODY` under a key and go after `sent`; returns the status line if there is
    one.
    """
    s3 = boto3.client(
        "s3",
        endpoint_url=address.endpoint_url,
        region_name=address.region,
        aws_access_key_id=address.access_key,
        aws_secret_access_key=address.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    url = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": address.bucket, "Key": key}))
    assert url.hostname is not None
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with socket.create_connection((url.hostname, url.port or 80), timeout=10) as connection:
        connection.sendall(head.encode() + sent)
        if sent == BODY:
            return connection.recv(100).split(b"\r\n", 1)[0]
    return b""


@pytest.mark.parametrize("arrived", [0, 1, len(BODY) - 1])
def test_an_upload_whose_sender_dies_stores_nothing(store: ObjectStore, s3_address: S3Address, arrived: int):
    key = f"cut/{uuid.uuid4().hex}"
    upload(s3_address, key, BODY[:arrived])
    # What comes after it on the same server is done after it.
    time.sleep(0.3)
    assert store.find(key) is None
    assert store.create(key, BODY)


def test_an_upload_to_its_end_is_stored(store: ObjectStore, s3_address: S3Address):
    key = f"whole/{uuid.uuid4().hex}"
    assert f" {HTTPStatus.OK.value} ".encode() in upload(s3_address, key, BODY)
    assert store.find(key) == BODY
