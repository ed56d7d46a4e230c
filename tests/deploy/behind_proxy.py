"""`python -m tests.deploy.behind_proxy SETTINGS`: use each client once, and print what it got. Run
with the proxy and the bundle in the environment, as they are there when a process starts.
"""

import asyncio
import json
import sys

from clients.salesforce.session import SessionSource, served_versions
from clients.storage.objects import ObjectStore
from schemas.catalogue import default_catalogue
from schemas.ingest.messages import FollowInput
from tests.sandbox.pubsub_org import read_events
from workers.addresses import s3_address, salesforce_sessions
from workers.salesforce import stream_opener
from workers.settings import Settings


async def main(settings: Settings) -> dict[str, object]:
    sessions = salesforce_sessions(settings.salesforce)
    session = await sessions.session()
    versions = await served_versions(session.instance_url)
    store = ObjectStore(s3_address(settings.s3))
    await asyncio.to_thread(store.put, "raw/x", b"through")
    return {
        "instance": session.instance_url,
        "versions": bool(versions.versions),
        "s3": (await asyncio.to_thread(store.get, "raw/x")).decode(),
        **{lane.name: await _first(settings, sessions, lane.name) for lane in settings.lanes},
    }


async def _first(settings: Settings, sessions: SessionSource, lane: str) -> int:
    """Events of a lane that have come."""
    channel = next(each.channel for each in settings.lanes if each.name == lane)
    request = FollowInput(org="o", lane=lane, channel=channel, position="origin", first_replay=-2)
    opened = stream_opener(settings, sessions, default_catalogue())
    async with opened(request, -2) as stream:
        return len(await read_events(stream, 1))


if __name__ == "__main__":
    found = asyncio.run(main(Settings.model_validate_json(sys.argv[1])))
    sys.stdout.write(json.dumps(found))
