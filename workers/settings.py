"""Every setting of the engine, composed from the groups of `schemas/settings` and loaded once at
startup.

From the environment (`TIDEGATE_WAREHOUSE__DSN=…`), over a JSON file (`TIDEGATE_SETTINGS=path`,
by default `var/settings.json`, which `tidegate up` writes), over the defaults of the groups.
docs/settings.md lists them all.
"""

import json
import os
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError as EnvironmentFormError,
)

from schemas.catalogue import DEFAULT_CATALOGUE
from schemas.errors import SettingsError
from schemas.governor import GovernorConfig
from schemas.settings.api import ApiSettings
from schemas.settings.audit import AuditSettings
from schemas.settings.backfill import BackfillSettings
from schemas.settings.deployment import DeploymentSettings
from schemas.settings.drift import DriftSettings
from schemas.settings.erasure import ErasureSettings
from schemas.settings.fleet import FleetSettings
from schemas.settings.health import HealthSettings
from schemas.settings.ingest import CutSettings, LaneSettings, PollingSettings
from schemas.settings.log import LogSettings
from schemas.settings.metrics import MetricsSettings
from schemas.settings.model import ExportSettings, ModelSettings
from schemas.settings.planner import PlannerSettings
from schemas.settings.quality import QualitySettings
from schemas.settings.reconcile import ReconciliationSettings
from schemas.settings.retention import RetentionSettings
from schemas.settings.salesforce import SalesforceSettings
from schemas.settings.services import (
    OperationalSettings,
    ReadCopySettings,
    S3Settings,
    TemporalSettings,
    WarehouseSettings,
)
from schemas.settings.telemetry import TelemetrySettings
from schemas.settings.webhook import WebhookSettings
from schemas.settings.writeback import WritebackSettings

DEFAULT_FILE = Path("var/settings.json")
FILE_VARIABLE = "TIDEGATE_SETTINGS"
L = TypeVar("L", bound="_Loaded")


class _Loaded(BaseSettings):
    """The sources of settings, and their order."""

    model_config = SettingsConfigDict(
        env_prefix="TIDEGATE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # inputs may be secrets, and errors are logged
    )

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


class Settings(_Loaded):
    """All settings of a process. Immutable."""

    salesforce: SalesforceSettings
    s3: S3Settings
    warehouse: WarehouseSettings
    read_copy: ReadCopySettings | None = None
    """None = records are read from the warehouse; where that is Redshift, the API answers 501."""
    operational: OperationalSettings
    temporal: TemporalSettings = TemporalSettings()
    deployment: DeploymentSettings = DeploymentSettings()
    audit: AuditSettings = AuditSettings()
    lanes: tuple[LaneSettings, ...] = (LaneSettings(name="changes", channel="/data/ChangeEvents"),)
    """JSON list of lanes. Two lanes must not follow the same object: it would be delivered, and
    billed, twice.
    """
    cut: CutSettings = CutSettings()
    polling: PollingSettings = PollingSettings()
    planner: PlannerSettings = PlannerSettings()
    backfill: BackfillSettings = BackfillSettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    writeback: WritebackSettings = WritebackSettings()
    webhook: WebhookSettings = WebhookSettings()
    drift: DriftSettings = DriftSettings()
    quality: QualitySettings = QualitySettings()
    erasure: ErasureSettings = ErasureSettings()
    retention: RetentionSettings = RetentionSettings()
    model: ModelSettings = ModelSettings()
    export: ExportSettings = ExportSettings()
    budgets: GovernorConfig = GovernorConfig()
    catalogue: Path = DEFAULT_CATALOGUE
    """Path of the catalogue file. Default: the one that comes with the package."""
    api: ApiSettings = ApiSettings()
    fleet: FleetSettings = FleetSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    metrics: MetricsSettings = MetricsSettings()
    health: HealthSettings = HealthSettings()

    @model_validator(mode="after")
    def _a_copy_is_beside_redshift(self) -> Self:
        if self.read_copy is not None and self.warehouse.kind != "redshift":
            raise ValueError("read_copy is for a Redshift warehouse: PostgreSQL answers reads itself")
        return self


class _FleetAlone(_Loaded):
    model_config = SettingsConfigDict(extra="ignore")

    fleet: FleetSettings = FleetSettings()


def load_settings(file: Path | None = None) -> Settings:
    """The settings of this process; raises `SettingsError` that names each setting that is missing
    or wrong.
    """
    return _load(Settings, file)


def load_fleet_settings(file: Path | None = None) -> FleetSettings:
    """The fleet's alone: a machine that looks at a fleet needs no org of its own. Raises
    `SettingsError`.
    """
    return _load(_FleetAlone, file).fleet


def _load(model: type[L], file: Path | None) -> L:
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
        return model(**values)
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
