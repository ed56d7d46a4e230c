"""One key for each person whose values are archived, kept in the operational store.

The archive is under Object Lock, so nobody can rewrite it. Its protected values are therefore
sealed once more, with a key of the record that they belong to (the *subject*, a record id). To
destroy that key makes them unreadable in every archived file at once, and leaves the rest whole.

A subject's key is 64 random bytes. It is wrapped by one key of the org (AES-SIV, RFC 5297, a
key-wrapping mode), which KMS wraps. Both are rows of the operational store: a restored copy of
it brings back keys that were destroyed since, so erasures are executed again after a restore.
"""

import secrets
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from clients.database.address import Database
from clients.database.engine import open_engine, translated_database
from clients.database.migrations import ensure_schema
from clients.storage.objects import S3Address, aws_client
from clients.storage.s3_errors import translated_s3
from schemas.errors import SettingsError
from transforms.pii import KEY_BYTES
from transforms.retention.seal import SubjectKey

METADATA = sa.MetaData()
_TIME = sa.DateTime(timezone=True)
WRAPPING_KEY = sa.Table(
    "subject_wrapping_key",
    METADATA,
    sa.Column("org", sa.String(18), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("made_at", _TIME, nullable=False),
)
SUBJECT_KEY = sa.Table(
    "subject_key",
    METADATA,
    sa.Column("subject", sa.String(255), primary_key=True),
    # A subject that is archived again after its key was destroyed gets another one
    sa.Column("generation", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("wrapped", sa.LargeBinary),  # null: destroyed
    sa.Column("made_at", _TIME, nullable=False),
    sa.Column("destroyed_at", _TIME),
)
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('tidegate subject keys'))")
_MAKE = sa.text(
    "INSERT INTO subject_key (subject, generation, wrapped, made_at) "
    "SELECT s, g, w, :now FROM unnest(CAST(:subjects AS text[]), CAST(:generations AS smallint[]), CAST(:wrapped AS bytea[])) "
    "AS t(s, g, w)"
)
_FIND = sa.text(
    "SELECT subject, generation, wrapped FROM subject_key WHERE subject = ANY(CAST(:subjects AS text[])) "
    "ORDER BY subject, generation"
)
_DESTROY = sa.text(
    "UPDATE subject_key SET wrapped = NULL, destroyed_at = :now "
    "WHERE subject = ANY(CAST(:subjects AS text[])) AND wrapped IS NOT NULL"
)


class SubjectKeys:
    """The subjects' keys of one org. Safe to share between threads; its methods block."""

    def __init__(self, dsn: Database, org: str, address: S3Address) -> None:
        """Args:
        dsn: Of the operational store, whose migrations have been taken.
        org: The org's id, of 18 characters.
        address: Where KMS is, and its key.
        """
        self._engine = open_engine(dsn)
        self._org = org
        self._address = address
        self._opened: AESSIV | None = None
        self._making = threading.Lock()
        self._is_ready = False

    def get_or_create(self, subjects: Collection[str]) -> dict[str, SubjectKey]:
        """The key of each subject, made where there is none or the last one was destroyed.

        An export calls it *before* it reads the rows that it seals. An erasure rewrites the rows
        first and destroys the key after that. So no row from before an erasure is sealed with a
        key from after it.
        """
        wanted = sorted(set(subjects))
        self._make_ready()
        with translated_database(), self._engine.begin() as connection:
            cipher = self._wrapping(connection)
            found = self._newest(connection, wanted)
            if any(found.get(subject, (0, None))[1] is None for subject in wanted):
                # Two exports may meet the same subject: the second one takes the first one's key.
                connection.execute(_LOCK)
                found = self._newest(connection, wanted)
                self._make(connection, cipher, found, wanted)
                found = self._newest(connection, wanted)
        return {
            subject: SubjectKey(generation, self._unwrap(cipher, subject, generation, wrapped))
            for subject, (generation, wrapped) in found.items()
            if wrapped is not None
        }

    def read(self, subjects: Collection[str]) -> dict[tuple[str, int], bytes]:
        """(subject, generation) -> key, of the keys that exist. One that was destroyed is left
        out.
        """
        self._make_ready()
        with translated_database(), self._engine.begin() as connection:
            rows = connection.execute(_FIND, {"subjects": sorted(set(subjects))}).all()
            live = [row for row in rows if row.wrapped is not None]
            if not live:
                return {}
            cipher = self._wrapping(connection)
        return {
            (row.subject, row.generation): self._unwrap(cipher, row.subject, row.generation, row.wrapped)
            for row in live
        }

    def destroy(self, subjects: Collection[str]) -> int:
        """Destroy every key of the subjects; returns how many were destroyed.

        Rows stay, without the key, as the proof. What a page of the database still holds of the old
        row goes with the next VACUUM.
        """
        parameters = {"subjects": sorted(set(subjects)), "now": datetime.now(UTC)}
        self._make_ready()
        with translated_database(), self._engine.begin() as connection:
            return int(connection.execute(_DESTROY, parameters).rowcount)

    def destroyed(self, subjects: Collection[str]) -> set[str]:
        """Those of the subjects that have had a key destroyed."""
        self._make_ready()
        with translated_database(), self._engine.connect() as connection:
            rows = connection.execute(_FIND, {"subjects": sorted(set(subjects))}).all()
        return {row.subject for row in rows if row.wrapped is None}

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _make_ready(self) -> None:
        with self._making:
            if not self._is_ready:
                ensure_schema(self._engine)
                self._is_ready = True

    def _newest(
        self, connection: sa.Connection, subjects: Sequence[str]
    ) -> dict[str, tuple[int, bytes | None]]:
        """Subject -> the last generation and its wrapped key, None when it was destroyed."""
        rows = connection.execute(_FIND, {"subjects": list(subjects)})
        return {row.subject: (row.generation, row.wrapped) for row in rows}

    def _make(
        self,
        connection: sa.Connection,
        cipher: AESSIV,
        found: Mapping[str, tuple[int, bytes | None]],
        subjects: Sequence[str],
    ) -> None:
        missing = [subject for subject in subjects if found.get(subject, (0, None))[1] is None]
        generations = [found.get(subject, (0, None))[0] + 1 for subject in missing]
        wrapped = [
            cipher.encrypt(secrets.token_bytes(KEY_BYTES), self._context(subject, generation))
            for subject, generation in zip(missing, generations, strict=True)
        ]
        parameters = {
            "subjects": missing,
            "generations": generations,
            "wrapped": wrapped,
            "now": datetime.now(UTC),
        }
        connection.execute(_MAKE, parameters)

    def _unwrap(self, cipher: AESSIV, subject: str, generation: int, wrapped: bytes) -> bytes:
        try:
            return cipher.decrypt(wrapped, self._context(subject, generation))
        except InvalidTag as error:
            raise SettingsError(
                f"The key of the archived record {subject} (generation {generation}) does not fit its wrapping key. "
                "The tables subject_key and subject_wrapping_key are not of one store; restore both from one copy."
            ) from error

    def _context(self, subject: str, generation: int) -> list[bytes]:
        return [self._org.encode(), subject.encode(), str(generation).encode()]

    def _wrapping(self, connection: sa.Connection) -> AESSIV:
        """The cipher of the org's wrapping key; made when the org has none and no key that it
        wraps.
        """
        if self._opened is None:
            wrapped = self._wrapped(connection)
            if wrapped is None:
                connection.execute(_LOCK)
                wrapped = self._wrapped(connection) or self._make_wrapping(connection)
            kms = aws_client("kms", self._address)
            with translated_s3("KMS"):
                opened = kms.decrypt(CiphertextBlob=wrapped, EncryptionContext=self._kms_context)
            self._opened = AESSIV(opened["Plaintext"])
        return self._opened

    def _wrapped(self, connection: sa.Connection) -> bytes | None:
        query = sa.select(WRAPPING_KEY.c.wrapped).where(WRAPPING_KEY.c.org == self._org)
        found = connection.execute(query).scalar()
        return None if found is None else bytes(found)

    def _make_wrapping(self, connection: sa.Connection) -> bytes:
        if connection.execute(sa.select(SUBJECT_KEY.c.subject).limit(1)).first() is not None:
            raise SettingsError(
                "The table subject_key has keys, and subject_wrapping_key has not the key that wraps them. "
                "Restore both tables from one copy; a new key would make every archived value unreadable."
            )
        kms = aws_client("kms", self._address)
        with translated_s3("KMS"):
            made = kms.generate_data_key_without_plaintext(
                KeyId=self._address.kms_key_id, NumberOfBytes=KEY_BYTES, EncryptionContext=self._kms_context
            )
        wrapped = bytes(made["CiphertextBlob"])
        row = {"org": self._org, "wrapped": wrapped, "made_at": datetime.now(UTC)}
        connection.execute(WRAPPING_KEY.insert().values(**row))
        return wrapped

    @property
    def _kms_context(self) -> dict[str, str]:
        return {"org": self._org, "purpose": "subject keys"}
