"""What the control plane is asked."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.org.control.errors import ControlError


class ControlRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RetentionRequest(ControlRequest):
    seconds: float = Field(ge=0)
    """How long the bus holds events; 0 expires all there are."""


class SettingsRequest(ControlRequest):
    """None leaves a setting as it is."""

    changed_fields_in_header: bool | None = None


Asked = TypeVar("Asked", bound=BaseModel)


def parsed(model: type[Asked], body: bytes) -> Asked:
    """The request in `body`; raises `ControlError` that says what is wrong with it."""
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise ControlError(problems) from error
