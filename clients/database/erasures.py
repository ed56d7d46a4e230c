"""Certificates of erasures, in the operational store: stores and counts, never values."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from clients.database.address import Database
from clients.database.engine import open_engine, translated_database

_METADATA = sa.MetaData()
_ERASURE = sa.Table(
    "erasure",
    _METADATA,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("began_at", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("certificate", JSONB, nullable=False),
)


@dataclass(frozen=True)
class ErasureCertificate:
    """The places that an erasure took, when, and by whom."""

    name: str
    began_at: datetime
    """With the name it names the run: the same records may be erased again."""
    ended_at: datetime
    digest: str
    """SHA-256 of the content in hex; the act `erasure.done` of the audit log has the same."""
    content: Mapping[str, Any]

    @property
    def is_whole(self) -> bool:
        """True when the content is what the digest was made of."""
        return certificate_digest(self.content) == self.digest


def certificate_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a certificate's content, in hex."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Erasures:
    """The certificates of one operational store. Its methods block; the migrations make the
    table.
    """

    def __init__(self, dsn: Database) -> None:
        self._engine = open_engine(dsn)

    def keep(self, made: ErasureCertificate) -> ErasureCertificate:
        """Store a certificate; returns the one that is stored, which is an earlier one when a step
        was done twice.
        """
        values = {
            "name": made.name,
            "began_at": made.began_at,
            "ended_at": made.ended_at,
            "digest": made.digest,
            "certificate": dict(made.content),
        }
        with translated_database(), self._engine.begin() as connection:
            connection.execute(insert(_ERASURE).values(**values).on_conflict_do_nothing())
            same = (_ERASURE.c.name == made.name) & (_ERASURE.c.began_at == made.began_at)
            row = connection.execute(sa.select(_ERASURE).where(same)).one()
        return _certificate(row)

    def find(self, name: str) -> ErasureCertificate | None:
        """The newest certificate of an erasure by its name; None when there is none."""
        query = sa.select(_ERASURE).where(_ERASURE.c.name == name).order_by(_ERASURE.c.began_at.desc())
        with translated_database(), self._engine.connect() as connection:
            row = connection.execute(query.limit(1)).one_or_none()
        return None if row is None else _certificate(row)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def _certificate(row: sa.Row[Any]) -> ErasureCertificate:
    return ErasureCertificate(row.name, row.began_at, row.ended_at, row.digest, row.certificate)
