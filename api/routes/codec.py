"""The codec server for Temporal's Web UI and command: payloads in plain, for those who may see
them.

Its form is Temporal's:
https://docs.temporal.io/production-deployment/data-encryption#codec-server-setup
"""

import json
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from pydantic import BaseModel, Field
from temporalio.api.common.v1 import Payload

from api.dependencies import Parts
from api.openapi import documented
from api.problems import ProblemError
from schemas.errors import TerminalError
from schemas.security.access import CallerRole

router = APIRouter(prefix="/v1/codec", tags=["codec"])
_MOST = 10_000


class EncodedPayload(BaseModel):
    """A payload in the JSON form of Temporal's protobuf: bytes are base64."""

    metadata: dict[str, str] = {}
    data: str = ""


class Payloads(BaseModel):
    """Payloads, in order."""

    payloads: list[EncodedPayload] = Field(max_length=_MOST)


@router.post(
    "/decode",
    summary="Decrypt payloads of Temporal, as its Web UI and command ask",
    **documented(CallerRole.OPERATOR, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, also=(CallerRole.AUDITOR,)),
)
async def decode(parts: Parts, body: Payloads) -> Payloads:
    codec = parts.client.data_converter.payload_codec
    decoded = []
    for each in body.payloads:
        payload = _parsed(each)
        try:
            decoded.append(payload if codec is None else (await codec.decode([payload]))[0])
        except TerminalError as error:
            decoded.append(_told(error))
    return Payloads(payloads=[_shown(each) for each in decoded])


def _parsed(given: EncodedPayload) -> Payload:
    try:
        return ParseDict(given.model_dump(), Payload())
    except ParseError as error:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "payload", "A payload's metadata and data are not base64."
        ) from error


def _told(error: TerminalError) -> Payload:
    """One that cannot be read does not hide the others of its page."""
    said = json.dumps(f"Tidegate cannot read this payload. {error}")
    return Payload(metadata={"encoding": b"json/plain"}, data=said.encode())


def _shown(payload: Payload) -> EncodedPayload:
    shown: dict[str, Any] = MessageToDict(payload)
    return EncodedPayload.model_validate(
        {name: shown[name] for name in ("metadata", "data") if name in shown}
    )
