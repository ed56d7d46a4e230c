"""Response headers spelled as Salesforce spells them over HTTP/1.1: `Content-Type`,
`Sforce-Limit-Info`.

To a standard the case of a name means nothing, but some clients look names up in a plain
dictionary and only ever met Salesforce's spelling. uvicorn writes names in lower case; a
`HeaderName` keeps its own when it is asked for that.
"""

from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OWN = {
    b"etag": b"ETag",
    b"sforce-numberofrecords": b"Sforce-NumberOfRecords",
    b"www-authenticate": b"WWW-Authenticate",
}
"""Names that are not capitalised word by word."""


class HeaderName(bytes):
    """A name that equals itself in any case, and whose lower case is itself."""

    def lower(self) -> bytes:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and bytes(self).lower() == bytes(other).lower()

    def __hash__(self) -> int:
        return hash(bytes(self).lower())


@cache
def spelled(name: bytes) -> HeaderName:
    """`name` as Salesforce writes it."""
    plain = bytes(name).lower()
    return HeaderName(_OWN.get(plain) or plain.title())


class SpelledHeaders:
    """Serves `app` with the names of its response headers spelled."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def spelling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(spelled(name), value) for name, value in message.get("headers", ())]
            await send(message)

        await self._app(scope, receive, spelling)
