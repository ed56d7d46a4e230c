"""Callers of the HTTP API, and their permissions."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.message import Message
from schemas.security.acting import OWN_NAMES


class CallerRole(StrEnum):
    """Permissions of a caller."""

    READER = "reader"
    """Look at everything; change nothing."""
    AUDITOR = "auditor"
    """As a reader; it also sees the payloads of Temporal's histories."""
    OPERATOR = "operator"
    """All that there is but erasures, the other roles' parts included."""
    WRITER = "writer"
    """Submit writebacks and look at its own, and nothing else: for outside systems."""
    GUEST = "guest"
    """Lease tokens, and nothing else: for other teams' integrations."""
    ERASER = "eraser"
    """Erase records, and look: for who answers for personal data."""

    def includes(self, needed: "CallerRole") -> bool:
        """True when a caller with this role may do what needs the other one."""
        if self is CallerRole.ERASER or needed is CallerRole.ERASER:
            # Nobody has it by the way: what is erased cannot be brought back.
            return self is needed or (self is CallerRole.ERASER and needed is CallerRole.READER)
        if self is CallerRole.AUDITOR:
            return needed in (CallerRole.AUDITOR, CallerRole.READER)
        return self in (needed, CallerRole.OPERATOR)


class WriterScope(Message):
    """The objects and fields that a writer may change. Nothing given = all."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    objects: tuple[str, ...] = ()
    """API names, as `Case`, with all of their fields unless `fields` lists some."""
    fields: tuple[Annotated[str, Field(pattern=r"^\w+\.\w+$")], ...] = ()
    """As `Case.Status`: of Case these fields and no others. A parent by external id is listed by
    its relationship (`Case.Account`).
    """

    def refusal(self, object_name: str, names: Iterable[str]) -> tuple[str, str] | None:
        """The place that is outside, `object` or `fields`, and what to do; None = all is inside."""
        by_object: dict[str, set[str]] = {name: set() for name in self.objects}
        for each in self.fields:
            owner, _, name = each.partition(".")
            by_object.setdefault(owner, set()).add(name)
        if by_object and object_name not in by_object:
            listed = ", ".join(sorted(by_object))
            return "object", f"This token may write {listed} only. Use another token, or ask for a wider one."
        allowed = by_object.get(object_name, set())
        if not allowed or all(name in allowed for name in names):
            return None
        listed = ", ".join(sorted(allowed))
        return (
            "fields",
            f"This token may write {listed} of {object_name} only. Leave other fields and conditions out, or ask for a wider token.",
        )


ANYTHING = WriterScope()
EVERY = "*"
"""In a scope of records: every object."""


class RecordScope(Message):
    """The records that a caller may read by `/v1/records` and `/v1/changes`. Nothing given = none:
    a role alone shows no record.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    objects: tuple[str, ...] = ()
    """API names, as `Case`; `*` = every object."""
    decrypt: tuple[Annotated[str, Field(pattern=r"^\w+\.\w+$")], ...] = ()
    """Protected fields, as `Contact.Email`, whose values the caller may ask for in plaintext."""

    def has(self, object_name: str) -> bool:
        """True when the caller may read records of the object."""
        return EVERY in self.objects or object_name in self.objects

    def may_decrypt(self, object_name: str, name: str) -> bool:
        """True when the caller may have the field in plaintext."""
        return f"{object_name}.{name}" in self.decrypt


NO_RECORDS = RecordScope()


OUR_NAMES = frozenset(name for name in OWN_NAMES if " " not in name) | {"unknown"}
"""Names used as `by` for the engine's own acts: no caller may have one of them."""


class Caller(Message):
    """Somebody whose token was accepted."""

    name: str
    """Goes on record as `by`: the token's name, or `oidc:` and the subject of a signed token."""
    role: CallerRole
    scope: WriterScope = ANYTHING
    """The objects and fields that it may write."""
    records: RecordScope = NO_RECORDS
    """The records that it may read."""
