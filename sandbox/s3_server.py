"""The S3 emulator, kept to S3's word that an object is stored whole or not at all, and is stored
when it is acknowledged: `python -m sandbox.s3_server`.

The emulator takes a request whose sender dies for a whole one, and stores what has arrived,
often nothing; S3 never adds a partial object ("Amazon S3 never adds partial objects", user
guide, Uploading objects). Here such a request never reaches it. An object that it cannot write to
disk it only keeps in memory, and acknowledges. Here that is an error, as it is of S3. Locks outlive
it by `sandbox/s3_locks.py`.

It writes its KMS keys only when it is stopped in order. Here a key is on disk before the request
that made it is answered: a key that encrypts data must not be lost with a killed process.
"""

import errno
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from ministack import app as emulator
from ministack.core.persistence import save_state
from ministack.services import s3

from sandbox.objectstore import OVERLAYS
from sandbox.s3_locks import Locks, locks_stay

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
_CREATES = b"TrentService.Create"
"""CreateKey and CreateAlias."""


def whole_requests_only(inner: App) -> App:
    """An app that hands a request on when its body has arrived to the end, and drops it when its
    sender has gone before.
    """

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        body = await _whole_body(receive)
        if body is None:
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def received() -> Message:
            return waiting.pop() if waiting else await receive()

        await inner(scope, received, send)

    return app


def keeps_keys(inner: App) -> App:
    """An app that has a key, or its alias, on disk before the request that makes it is answered."""

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if not _makes_key(scope):
            await inner(scope, receive, send)
            return
        answer: list[Message] = []

        async def kept(message: Message) -> None:
            answer.append(message)

        await inner(scope, receive, kept)
        from ministack.services import kms  # imported by the emulator when it is first asked for

        save_state("kms", kms.get_state())
        for message in answer:
            await send(message)

    return app


def _makes_key(scope: MutableMapping[str, Any]) -> bool:
    """True for a request of KMS' API, whose target is a header such as
    `TrentService.CreateAlias`.
    """
    headers = scope.get("headers", ())
    return any(name.lower() == b"x-amz-target" and value.startswith(_CREATES) for name, value in headers)


async def _whole_body(receive: Receive) -> bytes | None:
    """The request's body; None when its sender has gone before its end."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def written_or_refused(persist: Callable[[str, str, Any], None]) -> Callable[[str, str, Any], None]:
    """The emulator's own step that writes an object to disk, which fails when it could not."""

    def persist_or_raise(bucket: str, key: str, obj: Any) -> None:
        persist(bucket, key, obj)
        # It takes the body out of memory once the body is on disk.
        if isinstance(obj, dict) and obj.get("body") is not None:
            s3._buckets[bucket]["objects"].pop(key, None)
            raise OSError(errno.ENOSPC, "the object could not be written to disk")

    return persist_or_raise


if __name__ == "__main__":
    s3._persist_object = written_or_refused(s3._persist_object)
    locks = Locks(Path(os.environ["STATE_DIR"]) / "locks.jsonl")
    inner = keeps_keys(locks_stay(emulator.app, locks, overlays=OVERLAYS in os.environ))
    emulator.app = whole_requests_only(inner)
    emulator.main()
