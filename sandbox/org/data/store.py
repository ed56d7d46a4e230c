"""The org's one SQLite file: records and events change in the same transaction, so neither can
exist without the other.

A table per object, called by its API name, with a column per field plus Id, IsDeleted and
SystemModstamp. Text is TEXT, boolean INTEGER 0/1, int and long INTEGER, date `YYYY-MM-DD`,
datetime `YYYY-MM-DDTHH:MM:SS.000Z`, time `HH:MM:SS.mmmZ`. A double, percent or currency has no
type of column: it is REAL, or INTEGER or TEXT where a float would lose digits (`exact.py`).
"""

import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson

from sandbox.org.data.identity import Identity
from sandbox.org.data.setup_objects import PRICE_BOOK, SETUP_OBJECTS, seed_price_book, seed_setup_rows
from sandbox.org.data.standard import STANDARD_OBJECTS, seed_standard_rows
from sandbox.org.schema.compounds import with_geocodes
from sandbox.org.schema.exact import dumps, loads
from sandbox.org.schema.fields import Value
from sandbox.org.schema.objects import OrgField, OrgObject, as_stored, org_object
from sandbox.org.schema.setup import load_setup
from sandbox.org.schema.standard_objects import standard_objects
from sandbox.org.soql.functions import register_functions
from schemas.catalogue import Catalogue, FieldSpec, FieldType

DATABASE_FILE = "org.sqlite3"
_PAGE_BYTES = 16_384
_CACHE_KIB = 98_304
_CHECKPOINT_PAGES = 4_000
_STATEMENTS = 2_048
_AFFINITY = {
    FieldType.BOOLEAN: "INTEGER",
    FieldType.INT: "INTEGER",
    FieldType.LONG: "INTEGER",
    FieldType.DOUBLE: "",
    FieldType.PERCENT: "",
    FieldType.CURRENCY: "",
}
_FIXED_TABLES = """
CREATE TABLE IF NOT EXISTS events (
  replay_id INTEGER PRIMARY KEY, entity TEXT NOT NULL, at_epoch_ms INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sandbox_hard_deletes (
  object TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (object, at, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_cascades (
  parent TEXT NOT NULL, object TEXT NOT NULL, child TEXT NOT NULL, PRIMARY KEY (parent, object, child)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_schema (
  object TEXT PRIMARY KEY, spec TEXT NOT NULL, defaults TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_sessions (
  token TEXT PRIMARY KEY, user_id TEXT NOT NULL, client_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_refresh_tokens (
  token TEXT PRIMARY KEY, grant_id TEXT NOT NULL, spent INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_grant_sessions (
  token TEXT PRIMARY KEY, grant_id TEXT NOT NULL) WITHOUT ROWID;
"""


def affinity(spec: FieldSpec) -> str:
    """The type of a field's column."""
    return _AFFINITY.get(spec.type, "TEXT")


def is_unique(spec: OrgField) -> bool:
    """True when no two records that are not in the recycle bin may have the same value."""
    return spec.external_id or spec.is_unique


def collation(spec: OrgField) -> str:
    """How values of a unique field are compared: without regard to case unless it is set up so."""
    return "" if spec.case_sensitive else " COLLATE NOCASE"


class _Reader(sqlite3.Connection):
    """A read-only connection. Its store closes it at the latest, also when nobody refers to it any
    more.
    """

    opened: set["_Reader"]
    """Those of its store."""

    def close(self) -> None:
        self.opened.discard(self)
        super().close()


class Store:
    """The SQLite file in `folder`, made or completed for the catalogue's objects.

    `connection` is the only writer and belongs to the event loop's thread; a long read, or one
    in another thread, takes a connection of its own from `reader()`.
    """

    def __init__(self, folder: Path, catalogue: Catalogue, identity: Identity, edition: str) -> None:
        self.folder = folder
        self._path = folder / DATABASE_FILE
        shipped = {**STANDARD_OBJECTS, **standard_objects(), **catalogue.objects}
        self._shipped: Mapping[str, OrgObject] = {
            name: with_geocodes(org_object(spec)) for name, spec in shipped.items()
        }
        self.objects: dict[str, OrgObject] = dict(self._shipped)
        """Every object that can be read, by API name, as an administrator has left it."""
        self.defaults: dict[str, dict[str, Value]] = {}
        """By object: what a new record gets in a field that nobody gives a value for."""
        self.tracked: frozenset[str] = frozenset({*standard_objects(), *catalogue.objects})
        """The objects that can be written and may emit change events."""
        self.unselected: frozenset[str] = self.tracked - catalogue.objects.keys()
        """Those of them that emit none until somebody selects them for a channel."""
        self.connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=_STATEMENTS)
        self.seconds: Callable[[], float] = time.time
        """The org's clock; SQL reads it as `org_seconds()`."""
        self._readers: set[_Reader] = set()
        self._give_clock(self.connection)
        self._configure()
        self.connection.executescript(_FIXED_TABLES)
        self._read_schema()
        self._create_tables()
        seed_standard_rows(self.connection, identity, edition)
        self._set_up = tuple(SETUP_OBJECTS.keys() - catalogue.objects.keys())
        self._user_id = identity.user_id
        self.seed()

    def seed(self) -> None:
        """Write the rows of the set-up that are missing, and the standard price book."""
        seed_setup_rows(self.connection, self._set_up, self._user_id)
        if PRICE_BOOK in self.unselected:
            seed_price_book(self.connection, self._user_id)

    def reader(self) -> sqlite3.Connection:
        """A new read-only connection, for one thread at a time. It never waits for the writer. The
        caller closes it. The store closes the others with itself.
        """
        connection = sqlite3.connect(
            f"file:{self._path}?mode=ro", uri=True, check_same_thread=False, factory=_Reader
        )
        connection.opened = self._readers
        self._readers.add(connection)
        connection.execute("PRAGMA cache_size=-16384")
        self._give_clock(connection)
        return connection

    def close(self) -> None:
        """Close every connection of the store."""
        for reader in list(self._readers):
            reader.close()
        self.connection.close()

    def count(self, object_name: str, *, deleted_only: bool = False) -> int:
        """Records of an object, by way of an index: the rows themselves are not read."""
        where = " WHERE IsDeleted = 1" if deleted_only else ""
        row = self.connection.execute(f'SELECT count(*) FROM "{object_name}"{where}').fetchone()
        return int(row[0])

    def meta(self, name: str, default: int) -> int:
        """A number of the org's own bookkeeping."""
        row = self.connection.execute("SELECT value FROM sandbox_meta WHERE name = ?", (name,)).fetchone()
        return default if row is None else int(row[0])

    def set_meta(self, name: str, value: int) -> None:
        self.connection.execute("INSERT OR REPLACE INTO sandbox_meta VALUES (?, ?)", (name, value))

    def _give_clock(self, connection: sqlite3.Connection) -> None:
        connection.create_function("org_seconds", 0, lambda: self.seconds())
        register_functions(connection)

    def _configure(self) -> None:
        # Losing the last moments with the machine is acceptable for a sandbox; losing them with the
        # process is not, and WAL without fsync survives that.
        self.connection.executescript(
            f"PRAGMA page_size={_PAGE_BYTES}; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-{_CACHE_KIB};"
            f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}; PRAGMA temp_store=MEMORY;"
        )

    def _create_tables(self) -> None:
        for name, spec in self.objects.items():
            self._create_table(name, spec)

    def _read_schema(self) -> None:
        for name, spec, defaults in self.connection.execute("SELECT * FROM sandbox_schema").fetchall():
            if name in self._shipped:
                self.objects[name] = OrgObject.model_validate({"name": name, **orjson.loads(spec)})
                self.defaults[name] = loads(defaults)

    def keep_schema(self, spec: OrgObject, defaults: Mapping[str, Value]) -> None:
        """Make this the object's fields, over a restart too; the columns are there already."""
        body = orjson.dumps(as_stored(spec))
        self.connection.execute(
            "INSERT OR REPLACE INTO sandbox_schema VALUES (?, ?, ?)",
            (spec.name, body, dumps(dict(defaults))),
        )
        self.objects[spec.name] = spec
        self.defaults[spec.name] = dict(defaults)

    def restore_schema(self) -> None:
        """Every object with the fields that it began with. Its records go."""
        for (name,) in self.connection.execute("SELECT object FROM sandbox_schema").fetchall():
            self.connection.execute(f'DROP TABLE "{name}"')
            self.objects[name] = self._shipped[name]
            self._create_table(name, self.objects[name])
        self.defaults.clear()
        self.connection.execute("DELETE FROM sandbox_schema")

    def index_unique(self, object_name: str, name: str, spec: OrgField) -> None:
        """Keep the values of a field unique among the records that are not in the recycle bin, if
        it is to be.

        The second index serves queryAll, which looks in the recycle bin, too: without it, each
        question by external id read the whole table.
        """
        if is_unique(spec):
            column = f'"{name}"{collation(spec)}'
            self.connection.execute(
                f'CREATE INDEX IF NOT EXISTS "{object_name}_{name}_any" ON "{object_name}" ({column})'
            )
            self.connection.execute(
                f'CREATE UNIQUE INDEX IF NOT EXISTS "{object_name}_{name}" ON "{object_name}" ({column}) '
                "WHERE IsDeleted = 0"
            )

    def _create_table(self, name: str, spec: OrgObject) -> None:
        wanted = {field: affinity(entry) for field, entry in spec.fields.items()}
        columns = "".join(f', "{field}" {kind}' for field, kind in wanted.items())
        self.connection.execute(
            f'CREATE TABLE IF NOT EXISTS "{name}" (Id TEXT PRIMARY KEY, IsDeleted INTEGER NOT NULL DEFAULT 0, '
            f"SystemModstamp TEXT NOT NULL{columns})"
        )
        present = {row[1] for row in self.connection.execute(f'PRAGMA table_info("{name}")')}
        for field, kind in wanted.items():
            if field not in present:
                self.connection.execute(f'ALTER TABLE "{name}" ADD COLUMN "{field}" {kind}')
        self.connection.execute(
            f'CREATE INDEX IF NOT EXISTS "{name}_modstamp" ON "{name}" (SystemModstamp, Id)'
        )
        self.connection.execute(
            f'CREATE INDEX IF NOT EXISTS "{name}_binned" ON "{name}" (SystemModstamp, Id) WHERE IsDeleted = 1'
        )
        for field in load_setup().references.get(name, {}):
            self.connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}_{field}" ON "{name}" ("{field}")')
        for field, entry in spec.fields.items():
            self.index_unique(name, field, entry)
