"""Who may read which records and which protected fields of them; and the 501 of a warehouse that
cannot be asked for records and has no read copy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import Depends, Header, Request
from pydantic import Field

from api.dependencies import Dependencies
from api.problems import ProblemError, invalid
from clients.warehouse.records.feed import ChangeFeed
from clients.warehouse.records.reader import RecordReader
from clients.warehouse.records.shown import Shown
from schemas.catalogue import ObjectSpec
from schemas.security.access import Caller

READS = (HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED)
"""Errors of a read, for the document."""
Decrypt = Annotated[
    str,
    Field(
        max_length=1_000,
        description="Protected fields to show in plaintext, joined by commas: those of the token's scope alone. "
        "Each such read goes on record with its fields.",
        examples=["Email,Phone"],
    ),
]
_NO_READ_STORE = (
    "This warehouse is Redshift, which takes a second or more for one record, so records are not read from it. "
    "Set TIDEGATE_READ_COPY__DSN to a PostgreSQL database for a read copy, and run `tidegate migrate`; or query Redshift itself."
)


MOST_TAGS = 4_096
"""Characters of `If-None-Match`."""
NoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=MOST_TAGS, description="The `ETag` of an answer that you have."),
]


@dataclass(frozen=True)
class Ask:
    """A request for records: who asks, and of which parts."""

    parts: Dependencies
    caller: Caller
    if_none_match: str | None = None
    """Entity tags of answers that the caller has. None = it named none."""

    @classmethod
    def of(cls, request: Request, if_none_match: str | None) -> Self:
        """As the request asks."""
        return cls(request.app.state.parts, request.state.caller, if_none_match)

    def spec(self, object_name: str) -> ObjectSpec:
        """The object, which the caller may read.

        Raises:
            ProblemError: The caller's scope does not have it (403).
            UnknownObjectError: The catalogue lacks it.
        """
        if not self.caller.records.has(object_name):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "records",
                f"The token {self.caller.name} may not read records of this object. Use another token, or have one made: "
                "`tidegate api token NAME --role reader --records OBJECT --days 90`.",
            )
        return self.parts.catalogue.object(object_name)

    @property
    def reader(self) -> RecordReader:
        """The reader of records.

        Raises:
            ProblemError: The warehouse is Redshift without a read copy (501).
        """
        if self.parts.records is None:
            raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "no-read-store", _NO_READ_STORE)
        return self.parts.records

    @property
    def feed(self) -> ChangeFeed:
        """The change feed.

        Raises:
            ProblemError: The warehouse is Redshift without a read copy (501).
        """
        if self.parts.feed is None:
            raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "no-read-store", _NO_READ_STORE)
        return self.parts.feed

    def decrypted(self, spec: ObjectSpec, asked: str, where: str = "query.decrypt") -> tuple[str, ...]:
        """The protected fields that the caller asks for in plaintext. `where`: the place of `asked`
        in the request.

        Raises:
            ProblemError: The object has no such field (422), or the caller's scope lacks it (403).
        """
        names = tuple(dict.fromkeys(filter(None, (each.strip() for each in asked.split(",")))))
        if unknown := [name for name in names if name not in spec.fields]:
            raise invalid(
                where, f"{spec.name} lacks {len(unknown)} of these fields; /v1/catalogue lists them"
            )
        protected = tuple(name for name in names if spec.fields[name].is_protected)
        self.may_open(spec, protected)
        return protected

    def may_open(self, spec: ObjectSpec, names: Iterable[str]) -> None:
        """Raises `ProblemError` (403) when the caller's scope lacks one of these protected
        fields.
        """
        if beyond := [name for name in names if not self.caller.records.may_decrypt(spec.name, name)]:
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "decrypt",
                f"The token {self.caller.name} may not have {', '.join(beyond)} of {spec.name} in plaintext. Leave them out, "
                f"or have a token made: `tidegate api token NAME --records {spec.name} --decrypt {spec.name}.{beyond[0]}`.",
            )

    async def shown(self, spec: ObjectSpec, names: Sequence[str], record_ids: Sequence[str]) -> Shown:
        """The part of these records that the caller is shown, once the reading of the protected
        fields `names` is on record. Without `names` nothing is put on record.
        """
        if not names or not record_ids:
            return Shown(spec)
        opened, target = self.parts.opened, f"record/{self.parts.org}/{spec.name}"
        where = "by the API"
        if len(record_ids) == 1:
            target = f"{target}/{record_ids[0]}"
        else:
            where = f"{where}: {', '.join(record_ids)}"
        await opened.ready()
        await opened.record(self.caller.name, target, names, where)
        return Shown(spec, names, opened.value)


async def _asked(request: Request, if_none_match: NoneMatch = None) -> Ask:
    return Ask.of(request, if_none_match)


Asking = Annotated[Ask, Depends(_asked)]
