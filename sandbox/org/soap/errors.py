"""SOAP faults. The prefix `sf:` and the code before the colon are compared letter by letter by
clients.
"""

from xml.sax.saxutils import escape

PARTNER_FAULTS = "urn:fault.partner.soap.sforce.com"
_KINDS = {
    "INVALID_LOGIN": "LoginFault",
    "MALFORMED_QUERY": "MalformedQueryFault",
    "INVALID_FIELD": "InvalidFieldFault",
    "INVALID_TYPE": "InvalidSObjectFault",
    "INVALID_QUERY_LOCATOR": "InvalidQueryLocatorFault",
    "MALFORMED_ID": "InvalidIdFault",
}
"""The elements of a fault's detail (SOAP API Developer Guide, "API Faults")."""


class SoapError(Exception):
    """A fault of the API.

    Args:
        code: Salesforce's ExceptionCode, such as INVALID_LOGIN (SOAP API Developer Guide,
            "ExceptionCode").
        message: The sentence that goes with it.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


class UnknownOperationError(SoapError):
    """An operation that the API at the address has not, such as one of another API: the fault is of
    SOAP itself, and has no detail (Salesforce Help, "Error 'No operation available for request'
    when sending SOAP request").

    Args:
        namespace: The operation's; empty for none.
        operation: Its name.
    """

    def __init__(self, namespace: str, operation: str) -> None:
        message = f"No operation available for request {{{namespace}}}{operation}, please check the WSDL for the service."
        super().__init__("Client", message)


def not_built(operation: str) -> SoapError:
    """An operation that Salesforce has and this org has not."""
    message = (
        f"{operation} is not built in this sandbox; see docs/sandbox.md. Use REST where it has the same."
    )
    return SoapError("INVALID_OPERATION", message)


def fault_body(error: SoapError, namespace: str = PARTNER_FAULTS) -> str:
    """The envelope of a fault; it is sent with status 500. `namespace` is that of the API's
    faults.
    """
    code, message = escape(error.code), escape(error.message)
    if isinstance(error, UnknownOperationError):
        return _envelope(
            namespace, f"<faultcode>soapenv:{code}</faultcode><faultstring>{message}</faultstring>"
        )
    kind = _KINDS.get(error.code, "UnexpectedErrorFault")
    return _envelope(
        namespace,
        f"<faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>"
        f'<detail><sf:{kind} xsi:type="sf:{kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{kind}></detail>",
    )


def _envelope(namespace: str, fault: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns:sf="{namespace}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f"<soapenv:Fault>{fault}</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )
