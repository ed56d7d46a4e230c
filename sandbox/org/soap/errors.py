"""SOAP faults. The prefix `sf:` and the code before the colon are compared letter by letter by
clients.
"""

from xml.sax.saxutils import escape


class SoapError(Exception):
    """A fault.

    Args:
        code: Salesforce's ExceptionCode, such as INVALID_LOGIN (SOAP API Developer Guide,
            "ExceptionCode").
        message: The sentence that goes with it.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


def fault_body(error: SoapError) -> str:
    """The envelope of a fault; it is sent with status 500."""
    code, message = escape(error.code), escape(error.message)
    kind = {"INVALID_LOGIN": "LoginFault"}.get(error.code, "UnexpectedErrorFault")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>"
        f'<detail><sf:{kind} xsi:type="sf:{kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{kind}></detail></soapenv:Fault>"
        "</soapenv:Body></soapenv:Envelope>"
    )
