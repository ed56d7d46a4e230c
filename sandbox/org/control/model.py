"""What the control plane is asked."""

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.org.control.errors import ControlError
from schemas.catalogue import FieldSpec, FieldType


class ControlRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RetentionRequest(ControlRequest):
    seconds: float = Field(ge=0)
    """How long the bus holds events; 0 expires all there are."""


class MeterChange(ControlRequest):
    """None leaves a number as it is."""

    maximum: int | None = Field(default=None, ge=0)
    used: int | None = Field(default=None, ge=0)
    """As if so much had been counted in the last 24 hours, by whomever."""


class ClockRequest(ControlRequest):
    advance_seconds: float = Field(ge=0, le=366 * 86_400)


class GapRequest(ControlRequest):
    object: str
    record_ids: list[str] = Field(min_length=1)
    change: Literal["CREATE", "UPDATE", "DELETE", "UNDELETE"] = "UPDATE"


class NewField(ControlRequest):
    name: str = Field(pattern=r"^[A-Za-z]\w{0,79}$")
    type: FieldType
    length: int = Field(default=255, ge=1, le=131_072)
    scale: int = Field(default=2, ge=0, le=8)
    required: bool = False
    references: tuple[str, ...] = ()
    external_id: bool = False
    default: Any = None
    """What new records get."""
    fills: Any = None
    """What the records get that are there, without a modstamp or an event."""

    def spec(self) -> FieldSpec:
        return FieldSpec.model_validate(self.model_dump(exclude={"name", "default", "fills"}))


class FieldChange(ControlRequest):
    """None leaves a property as it is."""

    name: str
    new_name: str | None = Field(default=None, pattern=r"^[A-Za-z]\w{0,79}$")
    type: FieldType | None = None
    length: int | None = Field(default=None, ge=1, le=131_072)
    scale: int | None = Field(default=None, ge=0, le=8)
    required: bool | None = None
    references: tuple[str, ...] | None = None

    def spec(self, old: FieldSpec) -> FieldSpec:
        wanted = self.model_dump(exclude={"name", "new_name"}, exclude_none=True)
        if self.type is not None and self.type is not FieldType.REFERENCE:
            wanted["references"] = ()
        return FieldSpec.model_validate(old.model_dump() | wanted)


Asked = TypeVar("Asked", bound=BaseModel)


def parsed(model: type[Asked], body: bytes) -> Asked:
    """The request in `body`; raises `ControlError` that says what is wrong with it."""
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise ControlError(problems) from error
