"""A program of an aiosfstream-ng user: `python aiosfstream_ng.py CALL` with the org on stdin,
messages on stdout.
"""

import asyncio
import json
import sys

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

from aiosfstream_ng import (
    Client,
    PasswordAuthenticator,
    RefreshTokenAuthenticator,
    ReplayMarker,
    ReplayOption,
)


def by_password(org):
    return PasswordAuthenticator(org["client_id"], org["client_secret"], org["username"], org["password"])


def by_refresh_token(org):
    return RefreshTokenAuthenticator(org["client_id"], org["client_secret"], org["refresh_token"])


async def receive(org):
    """The first `count` messages of a channel, from the oldest that is held."""
    login = {"password": by_password, "refresh_token": by_refresh_token}[org["login"]]
    messages = []
    async with Client(login(org), replay=ReplayOption.ALL_EVENTS) as client:
        await client.subscribe(org["channel"])
        while len(messages) < org["count"]:
            messages.append(await asyncio.wait_for(client.receive(), 20))
    return messages


async def resume(org):
    """All messages in two turns: the second client goes on from the replay marker that the first
    has stored.
    """
    received = []
    markers = {org["channel"]: ReplayMarker(date=org["date"], replay_id=org["replay_id"])}
    for count in org["counts"]:
        async with Client(by_password(org), replay=markers) as client:
            await client.subscribe(org["channel"])
            for _ in range(count):
                received.append(await asyncio.wait_for(client.receive(), 20))
    return received


if __name__ == "__main__":
    print(json.dumps(asyncio.run(globals()[sys.argv[1]](json.load(sys.stdin)))))
