"""`/services/Soap/u/XX.X` and its like, with or without a trailing slash or the org's id."""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.org.auth.routes import own_url
from sandbox.org.auth.sessions import Sessions
from sandbox.org.errors import SalesforceError
from sandbox.org.rest.service import RestService
from sandbox.org.rest.versions import checked_version
from sandbox.org.soap import conversions, describes, handlers, merges, queries, writes
from sandbox.org.soap.call import APIS, Api, Results, SoapCall, SoapHandler, request_of
from sandbox.org.soap.errors import (
    PARTNER_FAULTS,
    SoapError,
    UnknownOperationError,
    fault_body,
    not_built,
)
from sandbox.org.soap.not_built import NOT_BUILT
from sandbox.org.soap.xml import elements, parsed

logger = logging.getLogger(__name__)

_XML = "text/xml;charset=UTF-8"
HANDLERS: Mapping[str, SoapHandler] = {
    "login": handlers.login,
    "logout": handlers.logout,
    "getUserInfo": handlers.get_user_info,
    "getServerTimestamp": handlers.get_server_timestamp,
    "query": queries.query,
    "queryAll": queries.query_all,
    "queryMore": queries.query_more,
    "retrieve": queries.retrieve,
    "getUpdated": queries.get_updated,
    "getDeleted": queries.get_deleted,
    "create": writes.create,
    "update": writes.update,
    "upsert": writes.upsert,
    "delete": writes.delete,
    "undelete": writes.undelete,
    "convertLead": conversions.convert_lead,
    "merge": merges.merge,
    "emptyRecycleBin": writes.empty_recycle_bin,
    "describeGlobal": describes.describe_global,
    "describeSObject": describes.describe_sobject,
    "describeSObjects": describes.describe_sobjects,
}
"""Operation -> handler, of the partner and the enterprise API."""


def routes(service: RestService, sessions: Sessions) -> list[BaseRoute]:
    """The SOAP endpoints of `org`."""

    async def soap(request: Request) -> Response:
        """Carries out an operation; one that is not built is refused by name (SOAP API Developer
        Guide, "Core Calls").
        """
        faults = PARTNER_FAULTS
        try:
            api = _api(request.path_params["api"])
            faults = api.faults
            return await _answered(service, sessions, api, request)
        except SoapError as error:
            refused = error
        except SalesforceError as error:
            refused = SoapError(error.code, error.message)
        except Exception:
            error_id = secrets.token_hex(4)
            logger.exception("SOAP call failed, ErrorId %s", error_id)
            message = f"An unexpected error occurred. Please include this ErrorId: {error_id}"
            refused = SoapError("UNKNOWN_EXCEPTION", message)
        return Response(fault_body(refused, faults), 500, media_type=_XML)

    vars(soap)["operations"] = HANDLERS  # for the page of what is covered
    paths = ("/services/Soap/{api}/{version}", "/services/Soap/{api}/{version}/{org_id:path}")
    return [Route(path, soap, methods=["POST"]) for path in paths]


async def _answered(service: RestService, sessions: Sessions, api: Api, request: Request) -> Response:
    version = _version(request.path_params["version"])
    asked = request_of(parsed(await request.body()))
    call = SoapCall(service, sessions, api, version, asked, own_url(request))
    handler = HANDLERS.get(asked.operation) if api.objects else None
    if asked.namespace != api.namespace or (
        handler is None and api.objects and asked.operation not in NOT_BUILT
    ):
        raise UnknownOperationError(asked.namespace, asked.operation)
    if handler is None:
        place = asked.operation if api.objects else f"{asked.operation} of /services/Soap/{api.letter}"
        raise not_built(place)
    if asked.operation != "login":
        session = call.session()
        service.org.count_call(session.client_id)
        call = replace(call, service=service.as_user(session.user_id))
        service.org.permissions.require_api(session.user_id)
    results = await handler(call)
    return Response(_answer(call, results, told=asked.operation != "login"), media_type=_XML)


def _api(letter: str) -> Api:
    found = APIS.get(letter)
    if found is None:
        raise SoapError("INVALID_OPERATION", f"There is no API /services/Soap/{letter}")
    return found


def _version(version: str) -> float:
    try:
        return checked_version(version)
    except SalesforceError:
        raise SoapError("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL") from None


def _answer(call: SoapCall, results: Results, *, told: bool) -> str:
    """The envelope; `told`: with the org's usage of API calls (SOAP API Developer Guide,
    "LimitInfoHeader").
    """
    calls, operation = call.org.meters.api_calls, call.request.operation
    usage = [("current", calls.used), ("limit", calls.maximum), ("type", "API REQUESTS")]
    header = elements([("LimitInfoHeader", [("limitInfo", usage)])]) if told else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{call.api.namespace}" '
        f'xmlns:sf="{call.api.objects}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"{f'<soapenv:Header>{header}</soapenv:Header>' if header else ''}<soapenv:Body>"
        f"<{operation}Response>{''.join(results)}</{operation}Response></soapenv:Body></soapenv:Envelope>"
    )
