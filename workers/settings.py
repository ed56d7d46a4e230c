"""Every setting of the engine, read once at the edge and passed in.

From the environment (`TIDEGATE_WAREHOUSE__DSN=…`), over a JSON file (`TIDEGATE_SETTINGS=path`, by default
`var/settings.json`, which `tidegate up` writes), over the defaults here.
"""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError as EnvironmentFormError,
)

from activities.backfill.plan import PART_ROWS
from activities.ingest.poll_lane import DELETIONS_EVERY, OVERLAP
from activities.quality.late_parents import GRACE
from activities.writeback.bulk import JOB_PATIENCE
from activities.writeback.config import LOST_ANSWER_PATIENCE, SETTLED_AFTER
from clients.oidc import IssuerAddress
from clients.salesforce.polling import VISIBILITY_DELAY
from clients.salesforce.session import Grant, SalesforceAddress
from clients.salesforce.streaming.pubsub_connection import PubsubAddress
from clients.storage.objects import S3Address
from schemas.access import OUR_NAMES, CallerRole
from schemas.catalogue import DEFAULT_CATALOGUE, Pii
from schemas.drift import CHECK_EVERY, REFRESH_EVERY, DriftPolicy
from schemas.errors import SettingsError
from schemas.governor import Terms
from schemas.ingest.messages import POLL_EVERY
from schemas.planner import HAND_OVER_OVERLAP, Way
from schemas.reconcile import SETTLE
from schemas.salesforce.limits import API_VERSION
from schemas.writeback.messages import NewerChange
from transforms.reconcile.cost import FACT_PAGE_ROWS
from transforms.writeback.batching import LINGER

DEFAULT_FILE = Path("var/settings.json")
FILE_VARIABLE = "TIDEGATE_SETTINGS"
CALLER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SalesforceSettings(_Part):
    """Which org, and how to log in."""

    org_id: str
    """18 characters; part of every workflow id and raw key."""
    login_url: str
    grant: Grant = "client_credentials"
    client_id: str
    client_secret: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    private_key_file: Path | None = None
    api_version: str = API_VERSION
    pubsub_endpoint: str = Field(default="api.pubsub.salesforce.com:7443", pattern=r"^[^\s/]+:\d+$")
    """host:port of the Pub/Sub API, for lanes whose transport is `pubsub`."""
    ca_file: Path | None = None
    """PEM file of the authorities that the Pub/Sub API's certificate is checked against; None: gRPC's own list."""

    def pubsub(self) -> PubsubAddress:
        return PubsubAddress(endpoint=self.pubsub_endpoint, org_id=self.org_id, ca_file=self.ca_file)

    def address(self) -> SalesforceAddress:
        return SalesforceAddress(
            login_url=self.login_url.rstrip("/"),
            client_id=self.client_id,
            grant=self.grant,
            client_secret=_clear(self.client_secret),
            username=self.username,
            password=_clear(self.password),
            private_key_file=self.private_key_file,
            api_version=self.api_version,
        )


class S3Settings(_Part):
    """The bucket for raw, staged and key objects."""

    bucket: str
    region: str = "us-east-1"
    kms_key_id: str
    """Key or alias for SSE-KMS and for the org's data key."""
    endpoint_url: str | None = None
    """None: AWS."""
    access_key: str | None = None
    """None: AWS' own credential chain (a role)."""
    secret_key: SecretStr | None = None

    def address(self) -> S3Address:
        return S3Address(
            bucket=self.bucket,
            region=self.region,
            kms_key_id=self.kms_key_id,
            endpoint_url=self.endpoint_url,
            access_key=self.access_key,
            secret_key=_clear(self.secret_key),
        )


class WarehouseSettings(_Part):
    """Where the curated tables are."""

    kind: Literal["postgres", "redshift"] = "postgres"
    dsn: SecretStr
    copy_role: str | None = None
    """Redshift: ARN of the role with which COPY reads the bucket."""


class OperationalSettings(_Part):
    """PostgreSQL for the audit log and the writebacks."""

    dsn: SecretStr


class TemporalSettings(_Part):
    """Which Temporal."""

    address: str = "127.0.0.1:7233"
    namespace: str = "default"
    """Of this org's engine alone: the task queues of two engines have the same names."""
    ui_url: str | None = None
    """For links; None prints none."""


class LaneSettings(_Part):
    """One lane: a channel that is followed, or an object that is polled."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    channel: str = Field(default="", pattern=r"^(/(data|event)/\w+)?$")
    way: Way = Way.STREAM
    object: str = ""
    """Of a polled lane, by its API name."""
    every: timedelta = Field(default=POLL_EVERY, ge=timedelta(seconds=1))
    """Of a polled lane: between two polls."""
    first_replay: Literal[-1, -2] = -2
    """Where a lane without a chain begins: -2 everything retained, -1 new events only."""
    transport: Literal["cometd", "pubsub"] = "cometd"
    """What brings the events. They and their positions are the same, so a lane may change over at any restart."""

    @model_validator(mode="after")
    def _follows_one_thing(self) -> Self:
        if (self.way is Way.POLL) != bool(self.object) or (self.way is Way.STREAM) != bool(self.channel):
            raise ValueError("a stream has a channel and no object, a polled lane an object and no channel")
        return self


class PollingSettings(_Part):
    """How objects are polled."""

    visibility_delay: timedelta = Field(default=VISIBILITY_DELAY, ge=timedelta(0))
    """Polls stay so far behind the org's clock: rows show in queries that much later at the latest."""
    overlap: timedelta = Field(default=OVERLAP, ge=timedelta(0))
    """A lane without a chain begins so long before its start."""
    deletions_every: timedelta = Field(default=DELETIONS_EVERY, ge=timedelta(minutes=1))
    """Between two questions for records that no query shows any more; a call each."""


class BackfillSettings(_Part):
    """How backfills are divided."""

    part_rows: int = Field(default=PART_ROWS, ge=1)
    """Rows of a part at the most: what is read anew when its query job is lost; for backfills that are begun anew."""


class PlannerSettings(_Part):
    """Who decides how objects are followed."""

    on: bool = False
    """True: the planner starts and steers a stream and a polled lane of every object; `lanes` are not started."""
    goal: timedelta = Field(default=timedelta(seconds=120), gt=timedelta(0))
    """From commit in Salesforce to the curated table, for 95 of 100 changes."""
    pins: dict[str, Way] = {}
    """Object -> its way, whatever it costs; for a planner that is started anew."""
    overlap: timedelta = Field(default=HAND_OVER_OVERLAP, gt=timedelta(0))
    """Of the two lanes of a hand-over."""
    transport: Literal["cometd", "pubsub"] = "cometd"
    """Of the streams that it starts."""


class ReconciliationSettings(_Part):
    """How often the warehouse is held against the org, without anybody asking."""

    on: bool = False
    """True keeps Temporal schedules for every object of the catalogue; False removes them."""
    buckets_every: timedelta = Field(default=timedelta(hours=1), ge=timedelta(minutes=1))
    """Between two looks at the aggregates: one call each while nothing differs."""
    ids_every: timedelta = Field(default=timedelta(days=7), ge=timedelta(hours=1))
    """Between two proofs of every record's id and time of change, and of the curated rows against the change log."""
    settle: timedelta = Field(default=SETTLE, ge=timedelta(0))
    """What a lane may take to bring a change; a difference counts only when it is older."""
    page_rows: int = Field(default=FACT_PAGE_ROWS, ge=1)
    """Rows of a page of ids and times."""


class WritebackSettings(_Part):
    """How writebacks are sent."""

    most_open: int = Field(default=4, ge=1, le=20)
    """Batches of one object on their way at once; for queues that are started anew."""
    linger: timedelta = Field(default=LINGER, ge=timedelta(0))
    """The longest that a batch waits to become full; a thirtieth of the time to a deadline at the most."""
    newer: dict[str, NewerChange] = {}
    """`Object` or `Object.Field` -> what a change in Salesforce does that is newer than the writeback; others: it holds."""
    settled_after: timedelta = Field(default=SETTLED_AFTER, ge=timedelta(0))
    """The org is taken to be still at a call that was given up for so long; nothing is sent again before."""
    patience: timedelta = Field(default=LOST_ANSWER_PATIENCE, ge=timedelta(0))
    """How long the change log may take to tell whose a change was, after a call without an answer."""
    job_patience: timedelta = Field(default=JOB_PATIENCE, ge=timedelta(0))
    """How long an ingest job may get no further before it is aborted; what it has not written is sent again."""


class DriftSettings(_Part):
    """How the org's schema is watched."""

    on: bool = True
    """False: nobody looks, unless `tidegate drift --check` does."""
    every: timedelta = Field(default=CHECK_EVERY, ge=timedelta(seconds=1))
    """Between two checks; each is one API call while nothing changes."""
    add: bool = True
    """False: a new field is reported, and not kept."""
    add_calculated: bool = False
    """True: new fields that the org works out are kept, too, and refreshed."""
    pii: Pii = Pii.PERSONAL
    """How a new field is treated until the catalogue file says what is in it. `none` writes it in clear."""
    redrive: bool = True
    """True: what waited in quarantine for a new field is re-driven; False: it waits for `tidegate quarantine redrive`."""
    refresh_every: timedelta = Field(default=REFRESH_EVERY, ge=timedelta(minutes=1))
    """Between two refreshes of an object's calculated fields."""

    def policy(self) -> DriftPolicy:
        return DriftPolicy(add=self.add, add_calculated=self.add_calculated, pii=self.pii)


class QualitySettings(_Part):
    """How the rules of the catalogue are kept."""

    grace: timedelta = Field(default=GRACE, ge=timedelta(0))
    """How long a parent may be late before the org is asked for it; 0: it is asked for at the next look."""


class CutSettings(_Part):
    """When a batch is cut: whichever comes first."""

    most_changes: int = Field(default=20_000, ge=1)
    most_bytes: int = Field(default=64 * 1024 * 1024, ge=1)
    most_age: timedelta = timedelta(seconds=4)


class ApiToken(_Part):
    """A token of the HTTP API; the token itself is kept by its holder alone."""

    name: str = Field(pattern=CALLER_NAME)
    """Whose it is; goes on record with every act."""
    role: CallerRole
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the token, in hex."""


class OidcSettings(_Part):
    """An issuer of signed tokens (OpenID Connect), besides the tokens that are listed."""

    issuer: str
    audience: str
    jwks_url: str
    """Where the issuer publishes its keys."""
    role_claim: str = "roles"
    """The claim, a text or a list, that says what a caller may do."""
    roles: dict[str, CallerRole] = {role.value: role for role in CallerRole}
    """What is said there -> role. Of several the most is taken; without one the caller is refused."""

    def address(self) -> IssuerAddress:
        return IssuerAddress(issuer=self.issuer, audience=self.audience, jwks_url=self.jwks_url)


class ApiSettings(_Part):
    """The HTTP API."""

    host: str = "127.0.0.1"
    """Where it listens. Tokens travel in clear: outside this machine, behind something that ends TLS."""
    port: int = Field(default=8400, ge=1, le=65_535)
    tokens: tuple[ApiToken, ...] = ()
    oidc: OidcSettings | None = None
    """None: listed tokens only."""
    most_bytes: int = Field(default=16 * 1024 * 1024, ge=1_024)
    """Of a request's body: 50,000 ids take 1.1 MB, 10,000 writebacks of 1,500 bytes 15 MB."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if len({token.name for token in self.tokens}) < len(self.tokens):
            raise ValueError("two tokens have one name, so nobody could tell who did what")
        if taken := sorted({token.name for token in self.tokens} & OUR_NAMES):
            raise ValueError(f"{', '.join(taken)}: the engine's own acts are on record under that name")
        return self


class Settings(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        env_prefix="TIDEGATE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # inputs may be secrets, and errors are logged
    )

    salesforce: SalesforceSettings
    s3: S3Settings
    warehouse: WarehouseSettings
    operational: OperationalSettings
    temporal: TemporalSettings = TemporalSettings()
    lanes: tuple[LaneSettings, ...] = (LaneSettings(name="changes", channel="/data/ChangeEvents"),)
    cut: CutSettings = CutSettings()
    polling: PollingSettings = PollingSettings()
    planner: PlannerSettings = PlannerSettings()
    backfill: BackfillSettings = BackfillSettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    writeback: WritebackSettings = WritebackSettings()
    drift: DriftSettings = DriftSettings()
    quality: QualitySettings = QualitySettings()
    budgets: Terms = Terms()
    """How the governor keeps the org's budgets; for a governor that is started anew."""
    catalogue: Path = DEFAULT_CATALOGUE
    api: ApiSettings = ApiSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which comes in as arguments."""
        return env_settings, init_settings


def load_settings(file: Path | None = None) -> Settings:
    """The settings of this process; raises `SettingsError` that names each setting that is missing or wrong."""
    named = file or (Path(os.environ[FILE_VARIABLE]) if FILE_VARIABLE in os.environ else None)
    path = named or DEFAULT_FILE
    values: dict[str, Any] = {}
    if path.exists():
        values = _read(path)
    elif named is not None:
        raise SettingsError(
            f"The settings file {path} does not exist. Start `tidegate up`, or correct the path."
        )
    try:
        return Settings(**values)
    except EnvironmentFormError as error:
        raise SettingsError(
            f"{error}. A setting with parts is written as JSON, or one variable a part."
        ) from error
    except ValidationError as error:
        listed = "\n  ".join(
            f"{_name(item['loc'])}: {item['msg']}" for item in error.errors(include_input=False)
        )
        raise SettingsError(
            f"Settings are missing or wrong:\n  {listed}\n"
            f"Set them in the environment, or start `tidegate up`, which writes {DEFAULT_FILE}."
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error}. Correct or delete it."
        ) from error
    if not isinstance(values, dict):
        raise SettingsError(f"The settings file {path} does not hold one JSON object. Correct or delete it.")
    return values


def _name(place: tuple[int | str, ...]) -> str:
    return "TIDEGATE_" + "__".join(str(part).upper() for part in place)


def _clear(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
