"""What the control plane is asked."""

from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.org.control.errors import ControlError


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


Asked = TypeVar("Asked", bound=BaseModel)


def parsed(model: type[Asked], body: bytes) -> Asked:
    """The request in `body`; raises `ControlError` that says what is wrong with it."""
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise ControlError(problems) from error
