"""The users' permissions: profiles with their system permissions, object permissions and
field-level security, and how records are shared (Salesforce Help, "User Permissions and Access",
"Sharing Settings").
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.org.data.identity import Identity
from sandbox.org.data.setup_objects import BORN
from sandbox.org.data.store import Store
from sandbox.org.errors import SalesforceError
from sandbox.org.permissions.rights import ADMINISTRATOR, DEFAULTS, STANDARD, Rights, Sharing
from sandbox.org.schema.ids import IdMaker

_TABLES = """
CREATE TABLE IF NOT EXISTS sandbox_profiles (name TEXT PRIMARY KEY, rights TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_passwords (user TEXT PRIMARY KEY, password TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_sharing (id INTEGER PRIMARY KEY, sharing TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sandbox_shares (
  object TEXT NOT NULL, record_id TEXT NOT NULL, user TEXT NOT NULL, access TEXT NOT NULL,
  PRIMARY KEY (record_id, user)) WITHOUT ROWID;
"""
_NEVER_HIDDEN = frozenset({"Id", "IsDeleted", "SystemModstamp"})
_PROFILE_PREFIX = "00e"


@dataclass(frozen=True, slots=True)
class OrgUser:
    """A user of the org."""

    id: str
    username: str
    profile: str
    may_log_in: bool
    """True once the user has a password."""


class Permissions:
    """The rights as they are now. They survive a restart; a reset of the org gives them all
    back.
    """

    def __init__(self, store: Store, identity: Identity) -> None:
        self._store = store
        self._identity = identity
        store.connection.executescript(_TABLES)
        self._profiles: dict[str, Rights] = {}
        self._by_user: dict[str, str] = {}
        self.sharing = Sharing()
        self._reload()

    @property
    def rights(self) -> Rights:
        """The integration user's."""
        return self.of(self._identity.user_id)

    def of(self, user: str) -> Rights:
        """A user's rights: those of the profile."""
        return self.profile(self.profile_of(user))

    def require_api(self, user: str) -> None:
        """Raise API_DISABLED_FOR_ORG for a user without API Enabled."""
        if not self.of(user).api_enabled:
            message = "API is not enabled for this Organization or Partner"
            raise SalesforceError("API_DISABLED_FOR_ORG", message, 403)

    def profile(self, name: str) -> Rights:
        """The rights of a profile, which stands for the permission sets of its users, too."""
        return self._profiles.get(name) or DEFAULTS.get(name, DEFAULTS[STANDARD])

    def profile_of(self, user: str) -> str:
        """Name of a user's profile; the standard one for a user that there is not."""
        found = self._by_user.get(user)
        if found is None:
            row = self._store.connection.execute(
                'SELECT p.Name FROM "User" AS u JOIN "Profile" AS p ON p.Id = u.ProfileId WHERE u.Id = ?',
                (user,),
            ).fetchone()
            found = self._by_user[user] = str(row[0]) if row else STANDARD
        return found

    def reset(self) -> None:
        """Give every user the profile and the rights that the org began with."""
        self._store.connection.execute(
            'UPDATE "User" SET ProfileId = (SELECT Id FROM "Profile" WHERE Name = ?) WHERE Id <> ?',
            (STANDARD, self._identity.user_id),
        )
        self._reload()

    def everything(self) -> object:
        """All that decides what describe shows, for a checksum."""
        rights = {name: found.model_dump(mode="json") for name, found in sorted(self._profiles.items())}
        users = self._store.connection.execute('SELECT Id, ProfileId FROM "User" ORDER BY Id').fetchall()
        return {"profiles": rights, "users": users}

    def give(self, rights: Rights, profile: str = ADMINISTRATOR) -> None:
        """Let the users of a profile have these rights from now on; a profile that there is not is
        made. Raises `SalesforceError` for an object or field that there is not.
        """
        self._check(rights)
        execute = self._store.connection.execute
        if execute('SELECT 1 FROM "Profile" WHERE Name = ?', (profile,)).fetchone() is None:
            last = execute('SELECT max(Id) FROM "Profile"').fetchone()[0]
            execute(
                'INSERT INTO "Profile" (Id, SystemModstamp, Name, UserType, CreatedDate, LastModifiedDate) '
                "VALUES (?, ?, ?, 'Standard', ?, ?)",
                (IdMaker(_PROFILE_PREFIX, last).next(), BORN, profile, BORN, BORN),
            )
        execute("INSERT OR REPLACE INTO sandbox_profiles VALUES (?, ?)", (profile, rights.model_dump_json()))
        self._profiles[profile] = rights

    def assign(self, user: str, profile: str, password: str | None = None) -> str:
        """Give a user a profile, and a password to log in with; returns that. Raises NOT_FOUND."""
        execute = self._store.connection.execute
        row = execute('SELECT Id FROM "Profile" WHERE Name = ?', (profile,)).fetchone()
        if row is None:
            raise SalesforceError("NOT_FOUND", f"There is no profile {profile}")
        if not execute('UPDATE "User" SET ProfileId = ? WHERE Id = ?', (row[0], user)).rowcount:
            raise SalesforceError("NOT_FOUND", f"There is no user {user}")
        self._by_user.pop(user, None)
        known = self.password_of(user)
        if user == self._identity.user_id:
            return self._identity.password
        chosen = password or known or secrets.token_urlsafe(12)
        execute("INSERT OR REPLACE INTO sandbox_passwords VALUES (?, ?)", (user, chosen))
        return chosen

    def password_of(self, user: str) -> str | None:
        """None for a user who cannot log in."""
        if user == self._identity.user_id:
            return self._identity.password
        row = self._store.connection.execute(
            "SELECT password FROM sandbox_passwords WHERE user = ?", (user,)
        ).fetchone()
        return None if row is None else str(row[0])

    def users(self) -> Sequence[OrgUser]:
        """Every user, in the order of the ids."""
        rows = self._store.connection.execute('SELECT Id, Username FROM "User" ORDER BY Id').fetchall()
        return [
            OrgUser(user, username, self.profile_of(user), self.password_of(user) is not None)
            for user, username in rows
        ]

    def share(self, sharing: Sharing) -> None:
        """Let records be shared so from now on; sharing is worked out at every reading."""
        for name in (*sharing.defaults, *(rule.object for rule in sharing.rules)):
            self._object(name)
        self._store.connection.execute(
            "INSERT OR REPLACE INTO sandbox_sharing VALUES (1, ?)", (sharing.model_dump_json(),)
        )
        self.sharing = sharing

    def share_record(self, object_name: str, record_id: str, user: str, access: str) -> None:
        """Share one record with one user, until it gets another owner (Object Reference,
        "AccountShare": RowCause Manual).
        """
        self._object(object_name)
        self._store.connection.execute(
            "INSERT OR REPLACE INTO sandbox_shares VALUES (?, ?, ?, ?)",
            (object_name, record_id, user, access),
        )

    def may_follow(self, objects: Iterable[str], user: str | None = None) -> bool:
        """True when the user (None: the integration user) may get the change events of all these
        objects. Sharing has no say: who may view all records of an object gets all of its events.
        """
        rights = self.of(user or self._identity.user_id)
        return all(rights.sees_all(name) for name in objects)

    def hidden(self, object_name: str, user: str | None = None) -> frozenset[str]:
        """The fields of the object that the user does not see, parts of hidden compounds
        included.
        """
        return self.fields_of(object_name, self.of(user or self._identity.user_id).hidden_fields)

    def fields_of(self, object_name: str, named_fields: Iterable[str]) -> frozenset[str]:
        """Those of `Case.Subject` and the like that are of an object, whole compounds included."""
        named = {
            field
            for whole in named_fields
            for name, _, field in (whole.partition("."),)
            if name == object_name
        }
        if not named:
            return frozenset()
        fields = self._store.objects[object_name].fields
        # Field-level security is set on a compound as a whole, never on one of its parts.
        compounds = {part_of for name in named if name in fields and (part_of := fields[name].part_of)}
        parts = {name for name, spec in fields.items() if spec.part_of in named | compounds}
        return frozenset((named | compounds | parts) - _NEVER_HIDDEN)

    def _reload(self) -> None:
        rows = self._store.connection.execute("SELECT name, rights FROM sandbox_profiles").fetchall()
        self._profiles = {name: Rights.model_validate_json(rights) for name, rights in rows}
        row = self._store.connection.execute("SELECT sharing FROM sandbox_sharing").fetchone()
        self.sharing = Sharing() if row is None else Sharing.model_validate(json.loads(row[0]))
        self._by_user.clear()

    def _object(self, name: str) -> None:
        if name not in self._store.objects:
            raise SalesforceError("INVALID_TYPE", f"There is no object {name}")

    def _check(self, rights: Rights) -> None:
        for name in rights.objects:
            self._object(name)
        for whole in (*rights.hidden_fields, *rights.read_only_fields):
            name, _, field = whole.partition(".")
            spec = self._store.objects.get(name)
            if spec is None or (field not in spec.fields and field not in spec.compounds):
                raise SalesforceError("INVALID_FIELD", f"There is no field {whole}")
            if field in spec.fields and spec.fields[field].required:
                raise SalesforceError("INVALID_FIELD", f"{whole} is required, so it cannot be hidden")
