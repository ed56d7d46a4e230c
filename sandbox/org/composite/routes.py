"""The addresses of the composite family, below `/services/data/vXX.X`."""

from collections.abc import Mapping

from sandbox.org.composite import collections, handlers, tree
from sandbox.org.rest.call import Handler

HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "/composite": {"GET": handlers.addresses, "POST": handlers.composite},
    "/composite/batch": {"POST": handlers.batch},
    "/composite/graph": {"POST": handlers.graph},
    "/composite/tree/{object}": {"POST": tree.create},
    "/composite/sobjects": {
        "POST": collections.create,
        "PATCH": collections.update,
        "DELETE": collections.delete,
    },
    "/composite/sobjects/{object}": {"GET": collections.retrieve, "POST": collections.retrieve_by_body},
    "/composite/sobjects/{object}/{field}": {"PATCH": collections.upsert},
}
