"""The dials of the org: how long things take and which of two documented behaviours it shows.

The control plane reads and turns them (`/sandbox/dials`); a default is what an org does that is
in no hurry and under no faults.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Dials(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class RecordDials(_Dials):
    """How writes and their visibility behave in time."""

    commit_lag_seconds: float = Field(default=0, ge=0, le=60)
    """The most by which a transaction's modstamp precedes its commit; 0: they are the same second
    (1 to 3 s are seen in orgs).
    """
    commit_lag_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the transactions that commit late."""
    query_delay_seconds: float = Field(default=0, ge=0, le=60)
    """How old a commit must be for queries to see it; reads by id see it at once. 0: queries see
    everything committed.
    """
    chunk_seconds: float = Field(default=0, ge=0, le=60)
    """How long a write of up to 200 rows takes, its locks held; 0: no write ever waits for another.
    """
    lock_wait_seconds: float = Field(default=10, ge=0, le=60)
    """How long a write waits for a lock before UNABLE_TO_LOCK_ROW."""


class QueryDials(_Dials):
    """How queries are answered."""

    page_rows: int | None = Field(default=None, ge=1)
    """The most rows of a REST page, whatever the client asks, as for wide rows; None: as asked."""


class EventDials(_Dials):
    """The content and the time of change events."""

    changed_fields_in_header: bool = False
    """True adds `changedFields` to CometD headers; Salesforce's pages disagree on whether CometD
    has it.
    """
    calculated_fields: bool = False
    """True puts formula and roll-up fields into event bodies, as v66.0 does; older releases leave
    them out.
    """
    enforced_at: Literal["subscription", "delivery"] = "subscription"
    """Where View All is asked for on a channel of several objects: at the subscription, which is
    then refused, or at each delivery, so that events are silently left out (as v67.0's guide
    says).
    """
    reparented_children: bool = True
    """False moves the children of a merged record without events of their own, as merges fire no
    triggers for them; Salesforce's pages do not say whether change events tell of them.
    """
    first_kind: bool = False
    """True gives the one event of a record that a transaction changes several times the kind of the
    first change, even when the record is gone at the end (the guide's sentence, taken literally;
    its example is a create and an update). False tells such a record's delete or undelete.
    """
    keepalive_seconds: float = Field(default=270, gt=0)
    """The longest a Pub/Sub stream with demand stays silent."""
    no_demand_seconds: float = Field(default=70, gt=0)
    """How long a Pub/Sub stream without demand stays open."""


class BulkDials(_Dials):
    """How bulk jobs proceed."""

    queue_seconds: float = Field(default=0, ge=0)
    """How long a job waits in UploadComplete before it is InProgress."""
    run_seconds: float = Field(default=0, ge=0)
    """The least time that a job is InProgress."""
    hold: bool = False
    """True keeps every job in its state: a hung job. False lets them go on."""
    page_rows: int = Field(default=50_000, ge=1)
    """Rows of a result page when the client does not ask."""
    chunk_attempts: int = Field(default=10, ge=1)
    """How often a chunk that cannot get a lock is tried before its rows fail with
    UNABLE_TO_LOCK_ROW.
    """


class AuthDials(_Dials):
    """How logins behave."""

    rotate_refresh_tokens: bool = False
    """True answers a refresh grant with a new refresh token and revokes the grant when an old one
    is used again.
    """
    is_app_blocked: bool = False
    """True refuses every login, as an administrator does who blocks the connected app; POST to
    `/sandbox/sessions/expire` ends the sessions that there are.
    """
    session_seconds: float | None = Field(default=None, gt=0)
    """How long a token lives from its last use; None is Salesforce's two hours."""
    cors_origins: tuple[str, ...] = ("*",)
    """Origins whose pages may call the org, `*` for any part of one; an org begins with none."""


class LimitDials(_Dials):
    """How the org tells what is used."""

    tell_apps: bool = False
    """True adds the connected app's own part to `Sforce-Limit-Info` and `/limits`, as an org with a
    quota per app does.
    """


class Dials(_Dials):
    """All of them, by family."""

    records: RecordDials = Field(default_factory=RecordDials)
    queries: QueryDials = Field(default_factory=QueryDials)
    events: EventDials = Field(default_factory=EventDials)
    bulk: BulkDials = Field(default_factory=BulkDials)
    auth: AuthDials = Field(default_factory=AuthDials)
    limits: LimitDials = Field(default_factory=LimitDials)
