"""Data keys: what is shown of them, and the messages of a rotation."""

from datetime import datetime

from schemas.message import Counts, Message

ROTATION = "rotate"
"""The usual name of a rotation."""
REENCRYPTION = "reencrypt"
"""The usual name of a re-encryption without a new key."""


class KeyView(Message):
    """A data key. Nothing of the key itself."""

    id: str
    """As tokens name it."""
    fingerprint: str
    """Tells it from any other key."""
    is_active: bool
    """True = it encrypts what is landed from now on."""
    made_at: datetime | None = None
    """When the register first saw it; None = the register does not have it."""
    made_by: str = ""
    objects: tuple[str, ...] = ()
    """Objects whose curated tables are encrypted with it."""


class TokenCount(Message):
    """Tokens of one column by form and key."""

    table: str
    column: str
    form: str
    """`tg1`, `tg2`, and so on: `transforms.pii.tokens`."""
    key_id: str
    tokens: int


class KeyCheck(Message):
    """The outcome of `tidegate keys verify`."""

    keys: tuple[KeyView, ...]
    tokens: tuple[TokenCount, ...]
    manifests: int
    """Looked at."""
    opened: int
    """Tokens that were decrypted as a sample."""
    problems: tuple[str, ...]
    """A sentence each; empty = all is well."""


class RotateInput(Message):
    """A new data key, and the warehouse re-encrypted with it."""

    org: str
    name: str = ROTATION
    makes_key: bool = True
    """False: no new key. Tokens of older keys, and of fields whose class was changed, are brought
    to their present form.
    """
    by: str
    reason: str = ""
    carried: "RotationState | None" = None
    """Of the run before, when the history had become long."""


class RotationPlan(Message):
    """The key and the objects of a rotation."""

    key_id: str
    """The key that encrypts from now on."""
    objects: tuple[str, ...]
    """With encrypted fields, in the catalogue's order."""


class BeginRotationInput(Message):
    """Make a key, or find the one that an earlier attempt has made."""

    org: str
    makes_key: bool
    run: str
    """Tells this rotation from others."""
    by: str


class ReencryptInput(Message):
    """One stretch of an object's re-encryption."""

    org: str
    object: str
    after: str = ""
    """Table and record where the last stretch ended; "" = at the beginning."""


class ReencryptCounts(Counts):
    """Counts of a re-encryption."""

    records: int = 0
    """Records of which a token was replaced; one of several tables counts in each."""
    tokens: int = 0


class Reencrypted(Message):
    """The result of one stretch."""

    after: str
    is_done: bool
    counts: ReencryptCounts = ReencryptCounts()


class RotationState(Message):
    """A rotation as its query shows it, and its result."""

    org: str
    name: str
    stage: str
    """preparing, tables, log, done."""
    key_id: str = ""
    objects: tuple[str, ...] = ()
    switched: tuple[str, ...] = ()
    """Objects whose curated tables are under the new key."""
    finished: tuple[str, ...] = ()
    """Of these, the ones whose change log is, too."""
    after: str = ""
    """Where the next stretch goes on."""
    counts: ReencryptCounts = ReencryptCounts()
    began_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        steps = 2 * len(self.objects)
        return (len(self.switched) + len(self.finished)) / steps if steps else float(self.stage == "done")


RotateInput.model_rebuild()
