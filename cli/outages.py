"""Outages that no client has translated: a command says one sentence, and never shows a
traceback.
"""

import httpx
import psycopg
from botocore.exceptions import BotoCoreError
from sqlalchemy.exc import DBAPIError
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from schemas.errors import UnavailableError


def outage_of(error: BaseException) -> UnavailableError | None:
    """The outage behind an error; None = it is none, but a fault of ours."""
    if isinstance(error, RPCError):
        return UnavailableError(system="Temporal", detail=f"{error.status.name}: {error.message}")
    if isinstance(error, WorkflowUpdateRPCTimeoutOrCancelledError):
        return UnavailableError(system="Temporal", detail="no worker answers in time")
    if isinstance(error, DBAPIError):
        return outage_of(error.orig) if error.orig is not None else None
    if isinstance(error, psycopg.OperationalError):
        return UnavailableError(system="PostgreSQL", detail=" ".join(str(error).split()))
    if isinstance(error, BotoCoreError):
        return UnavailableError(system="The bucket", detail=type(error).__name__)
    if isinstance(error, httpx.TransportError):
        return UnavailableError(system="A service", detail=f"{type(error).__name__}, {_address(error)}")
    if isinstance(error, TimeoutError):
        return UnavailableError(system="A remote system", detail="no answer in time")
    return None


def _address(error: httpx.TransportError) -> str:
    try:
        return f"{error.request.url.scheme}://{error.request.url.netloc.decode()}"
    except RuntimeError:
        return "at an unknown address"
