"""A program of an aiosfpubsub user: `python aiosfpubsub.py CALL` with the org on stdin, events on
stdout.
"""

import asyncio
import contextlib
import json
import sys
import time

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)


import certifi
from aiosfpubsub import Client


def connect(org):
    # The client trusts the file that certifi names, and nothing else.
    certifi.where = lambda: org["ca_file"]
    client = Client(
        url="https://login.salesforce.com",
        username=org["username"],
        password=org["password"],
        grpc_host="localhost",
        grpc_port=org["pubsub_port"],
        api_version="57.0",
    )
    client.auth()
    return client


class EnoughError(Exception):
    pass


async def receive(org):
    """The first `count` events of a topic, decoded by the schema that the org gives."""
    client = connect(org)
    received = []

    def take(response, client):
        for event in response.events:
            schema = client.get_schema_json(event.event.schema_id)
            payload = client.decode(schema, event.event.payload)
            received.append({"replay_id": int.from_bytes(event.replay_id, "big"), "payload": payload})
            if len(received) == org["count"]:
                raise EnoughError

    replay_id = bytes.fromhex(org.get("replay_id", ""))
    with contextlib.suppress(EnoughError):
        await asyncio.wait_for(
            client.subscribe(org["topic"], org["preset"], replay_id, org["requested"], take), 60
        )
    return received


async def rate(org):
    """How many events of several topics are received and decoded from the earliest on, in `seconds`
    after the first `skip`.
    """
    client = connect(org)
    marks = []
    received = 0

    def take(response, client):
        nonlocal received
        for event in response.events:
            client.decode(client.get_schema_json(event.event.schema_id), event.event.payload)
        received += len(response.events)
        if received >= org["skip"]:
            marks.append((time.monotonic(), received, time.process_time()))
            if marks[-1][0] - marks[0][0] > org["seconds"]:
                raise EnoughError

    subscriptions = [client.subscribe(topic, "EARLIEST", b"", 100, take) for topic in org["topics"]]
    with contextlib.suppress(EnoughError, asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.gather(*subscriptions), org["seconds"] + 10)
    (first, before, cpu), (last, after, cpu_now) = marks[0], marks[-1]
    return {"events": after - before, "seconds": last - first, "cpu_seconds": cpu_now - cpu}


async def topic(org):
    found = connect(org).get_topic(org["topic"])
    return {
        "topic_name": found.topic_name,
        "can_subscribe": found.can_subscribe,
        "schema_id": found.schema_id,
    }


async def stale_replay(org):
    """The answer to a subscriber that asks for a position that the org does not hold."""
    import grpc

    client = connect(org)
    try:
        await client.subscribe(org["topic"], "CUSTOM", bytes.fromhex(org["replay_id"]), 5, lambda *_: None)
    except grpc.aio.AioRpcError as error:
        trailers = {name: str(value) for name, value in error.trailing_metadata()}
        return {"status": error.code().name, "error_code": trailers.get("error-code")}
    return None


if __name__ == "__main__":
    print(json.dumps(asyncio.run(globals()[sys.argv[1]](json.load(sys.stdin)))))
