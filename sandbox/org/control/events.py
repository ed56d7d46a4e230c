"""The handle by which an administrator defines platform events."""

from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.control.model import parsed
from sandbox.org.control.responses import JsonResponse
from sandbox.org.events.platform_events import PlatformEvent
from sandbox.org.state.org import Org


class EventHandles:
    """The platform events of one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def platform_events(self, request: Request) -> Response:
        """Lists the platform events; a POST of `{"name": "Order__e", "fields": [{"name": "No__c",
        "type": "Text"}]}` defines one, or gives one another form.
        """
        org = self._org
        if request.method == "POST":
            event = parsed(PlatformEvent, await request.body())
            found = org.platform_events.define(event)
            org.channels.reload()
            org.look_again()
            return JsonResponse({"name": event.name, "channel": event.channel, "schema": found})
        return JsonResponse({"events": [each.model_dump(mode="json") for each in org.platform_events]})
