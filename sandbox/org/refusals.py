"""One refusal in the form of whichever API was called: each family of clients parses only its own.

Used where no API has begun to work on the call, so the path alone tells which form it is.
"""

from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.bulk_v1.errors import AsyncApiError, translated
from sandbox.org.bulk_v1.wire import answer, speaks_json
from sandbox.org.errors import SalesforceError
from sandbox.org.rest.call import error_response, json_response
from sandbox.org.soap.call import APIS, PARTNER
from sandbox.org.soap.errors import SoapError, fault_body

_SOAP_STATUS = 500
"""SOAP 1.1 has one for all faults."""


def refusal(error: SalesforceError, request: Request) -> Response:
    """The caller's error message."""
    path = request.url.path
    if path.startswith("/services/Soap/"):
        api = APIS.get(path.split("/")[3], PARTNER)
        body = fault_body(SoapError(error.code, error.message), api.faults)
        return Response(body, _SOAP_STATUS, media_type="text/xml;charset=UTF-8")
    if path.startswith("/services/oauth2/"):
        return json_response({"error": error.code, "error_description": error.message}, error.status)
    if path.startswith("/services/async/"):
        told = _of_bulk_v1(error)
        shown = {"exceptionCode": told.code, "exceptionMessage": told.message}
        return answer("error", shown, json=speaks_json(request), status=told.status)
    return error_response(error)


def _of_bulk_v1(error: SalesforceError) -> AsyncApiError:
    """A quota is the API's own to word; a fault is what its rule says, even where this API has no
    such code.
    """
    known = translated(error)
    if known.code == "ClientInputError":
        return AsyncApiError(error.code, error.message, error.status)
    return known
