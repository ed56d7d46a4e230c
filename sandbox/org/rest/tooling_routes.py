"""The addresses of the Tooling API, below `/services/data/vXX.X`."""

from collections.abc import Mapping

from sandbox.org.rest import tooling_channels as channels, tooling_handlers as handlers
from sandbox.org.rest.call import Handler

HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "/tooling": {"GET": handlers.resources},
    "/tooling/query": {"GET": handlers.query},
    "/tooling/queryAll": {"GET": handlers.query},
    "/tooling/sobjects": {"GET": handlers.describe_global},
    "/tooling/sobjects/{object}": {"GET": handlers.basic_information, "POST": channels.create},
    "/tooling/sobjects/{object}/describe": {"GET": handlers.describe},
    "/tooling/sobjects/{object}/{id}": {
        "GET": channels.retrieve,
        "PATCH": channels.update,
        "DELETE": channels.delete,
    },
}
