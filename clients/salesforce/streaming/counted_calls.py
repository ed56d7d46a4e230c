"""Calls of the CometD library, which makes them itself, among the calls to Salesforce."""

import asyncio
from typing import Any

import aiohttp

from clients.metrics.calls import count_unpaid, outcome_of


def counting_trace() -> aiohttp.TraceConfig:
    """Count a session's requests as calls without a lease. The requests themselves are shown to
    nobody.
    """

    async def answered(_session: Any, _context: Any, request: aiohttp.TraceRequestEndParams) -> None:
        count_unpaid("cometd", outcome_of(request.response.status))

    async def failed(_session: Any, _context: Any, request: aiohttp.TraceRequestExceptionParams) -> None:
        # A long poll that is called off when the stream is closed is no loss.
        if not isinstance(request.exception, asyncio.CancelledError):
            count_unpaid("cometd", "lost")

    config = aiohttp.TraceConfig()
    config.on_request_end.append(answered)
    config.on_request_exception.append(failed)
    config.freeze()
    return config
