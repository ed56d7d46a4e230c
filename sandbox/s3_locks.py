"""Object Lock that outlives the emulator, which forgets locks and older versions when it stops.

Each lock is written down before its put is answered, and is given back to the emulator at its next
start. S3 lets another version be put over a locked one, because it keeps both; here such a put is
refused, unless `objectstore.OVERLAYS` is set: the emulator would keep the newer version alone.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

from ministack.services import s3

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
_MODE, _UNTIL = b"x-amz-object-lock-mode", b"x-amz-object-lock-retain-until-date"
_REFUSAL: Final = b"<Error><Code>AccessDenied</Code><Message>Object is WORM protected.</Message></Error>"
_OK: Final = 200


class Locks:
    """The locks of the emulator's buckets, kept in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: set[str] = set()
        for line in file.read_text().splitlines() if file.exists() else []:
            entry = json.loads(line)
            bucket, _, key = entry["path"].lstrip("/").partition("/")
            self._known.add(entry["path"])
            s3._bucket_versioning[bucket] = "Enabled"
            s3._object_retention[(bucket, key)] = {"Mode": entry["mode"], "RetainUntilDate": entry["until"]}

    def hold(self, path: str) -> bool:
        """True when the object is locked, or was: sandboxes do not live for seven years."""
        return path in self._known

    def add(self, path: str, mode: str, until: str) -> None:
        """Write a lock down."""
        self._known.add(path)
        with self._file.open("a") as file:
            file.write(json.dumps({"path": path, "mode": mode, "until": until}) + "\n")


def locks_stay(inner: App, locks: Locks, *, overlays: bool) -> App:
    """An app whose locks outlive it. `overlays`: another version over a locked one is taken."""

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "PUT":
            await inner(scope, receive, send)
            return
        path: str = scope["path"]
        if locks.hold(path) and not overlays:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": _REFUSAL})
            return
        headers = dict(scope["headers"])
        mode, until = headers.get(_MODE, b"").decode(), headers.get(_UNTIL, b"").decode()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _OK and mode and until:
                locks.add(path, mode, until)
            await send(message)

        await inner(scope, receive, noted)

    return app
