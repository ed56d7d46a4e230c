"""The engine's Pub/Sub source against the org: the same events as over CometD, none lost, none
asked for that is not paid.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from clients.governor.event_lease import EventLease
from clients.governor.leases import Leases
from clients.salesforce.streaming import pubsub
from clients.salesforce.streaming.pubsub import PubsubStream
from clients.salesforce.streaming.stream import StreamMessage
from sandbox.org.faults.faults import FaultRule
from sandbox.org.pubsub.handlers import PubSub
from sandbox.org.pubsub.model import Encoder
from sandbox.org.state.org import Org
from sandbox.org.traffic.maker import TrafficMaker
from sandbox.org.traffic.plan import TrafficPlan
from schemas.errors import (
    BudgetSpentError,
    RateLimitedError,
    ReplayExpiredError,
    SessionEndedError,
    SettingsError,
    StreamBrokenError,
    UnavailableError,
)
from schemas.eventbus import pubsub_api_pb2 as wire
from schemas.governor import Budget, LeaseClass, Reading
from tests.sandbox.pubsub_org import Counting, OrgSessions, PubsubOrg, read_events, record_ids, running_org
from tests.support.engines.local_governor import GREEDY, LocalGovernor

ALL = "/data/ChangeEvents"
CONTACTS = "/data/ContactChangeEvent"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[PubsubOrg]:
    async with running_org(tmp_path) as found:
        yield found


@pytest.fixture
def org(served: PubsubOrg) -> Org:
    return served.org


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bytes]]:
    """The preset and replay id of every Subscribe call that the org has met."""
    met: list[tuple[int, bytes]] = []
    position = PubSub._position

    async def recorded(self: PubSub, preset: int, replay: bytes, context: Any) -> int:
        met.append((preset, replay))
        return await position(self, preset, replay, context)

    monkeypatch.setattr(PubSub, "_position", recorded)
    return met


def make_contacts(org: Org, count: int) -> list[str]:
    return [org.create("Contact", {"LastName": f"N{number}"}) for number in range(count)]


def make_channel(org: Org, name: str, entity: str, **member: Any) -> str:
    org.event_metadata.create(
        "PlatformEventChannel",
        {"FullName": f"{name}__chn", "Metadata": {"channelType": "data", "label": name}},
    )
    metadata = {"eventChannel": f"{name}__chn", "selectedEntity": f"{entity}ChangeEvent", **member}
    org.event_metadata.create(
        "PlatformEventChannelMember", {"FullName": f"{name}_chn_{entity}", "Metadata": metadata}
    )
    return f"/data/{name}__chn"


def over_cometd(org: Org, channel: str) -> list[dict[str, Any]]:
    """The `data` of every event of a channel as CometD carries it."""
    found = org.channels.find(channel)
    assert found is not None
    deliveries, position = [], org.bus.purged_through
    while position < org.bus.newest:
        some, position = org.channels.read(found, position, (1_000, 10**8))
        deliveries += some
    return [orjson.loads(each.data) for each in deliveries]


def without_changed_fields(data: dict[str, Any]) -> dict[str, Any]:
    """The one part that Salesforce's pages leave open for CometD."""
    header = dict(data["payload"]["ChangeEventHeader"])
    header.pop("changedFields", None)
    return {**data, "payload": {**data["payload"], "ChangeEventHeader": header}}


async def surge(org: Org, changes: int) -> None:
    maker = TrafficMaker(org)
    maker.start(TrafficPlan(rate_per_minute=changes * 60, seconds=1, merged=0.1, diffs=0.1))
    while org.bus.held < changes // 2:  # noqa: ASYNC110 -- the org tells nobody
        await asyncio.sleep(0.05)
    await maker.stop()


async def test_every_event_of_a_surge_is_what_cometd_carries(served: PubsubOrg, org: Org) -> None:
    await surge(org, 1_000)
    wanted = over_cometd(org, ALL)
    async with served.stream(ALL) as stream:
        messages = await read_events(stream, len(wanted))
    assert [without_changed_fields(m.data) for m in messages] == wanted
    assert [m.replay_id for m in messages] == [data["event"]["replayId"] for data in wanted]
    kinds = {data["payload"]["ChangeEventHeader"]["changeType"] for data in wanted}
    assert kinds >= {"CREATE", "UPDATE", "DELETE"}


async def test_changed_fields_are_the_names_that_cometd_shows(served: PubsubOrg, org: Org) -> None:
    org.dials.events.changed_fields_in_header = True
    case_id = org.create("Case", {"Status": "New", "Subject": "Heating", "Description": "Cold"})
    org.update("Case", case_id, {"Status": "Closed", "Description": None, "DueDate__c": "2026-03-01"})
    org.delete("Case", case_id)
    wanted = over_cometd(org, ALL)
    async with served.stream(ALL) as stream:
        messages = await read_events(stream, 3)
    for message, data in zip(messages, wanted, strict=True):
        told = message.data["payload"]["ChangeEventHeader"]["changedFields"]
        assert sorted(told) == sorted(data["payload"]["ChangeEventHeader"]["changedFields"])
        assert without_changed_fields(message.data) == without_changed_fields(data)


async def test_an_emptied_part_of_a_compound_is_null_and_its_neighbours_are_absent(
    served: PubsubOrg, org: Org
) -> None:
    record_id = org.create("Contact", {"FirstName": "Ada", "LastName": "N", "MailingCity": "Bergen"})
    org.update("Contact", record_id, {"FirstName": None, "MailingCity": None, "MailingStreet": "1"})
    async with served.stream(CONTACTS) as stream:
        _, update = await read_events(stream, 2)
    assert without_changed_fields(update.data) == over_cometd(org, CONTACTS)[1]
    assert update.data["payload"]["Name"] == {"FirstName": None}
    assert update.data["payload"]["MailingAddress"] == {"City": None, "Street": "1"}


async def test_enriched_events_of_one_replay_id_come_as_over_cometd(served: PubsubOrg, org: Org) -> None:
    channel = make_channel(org, "Rich", "Contact", enrichedFields=[{"name": "Email"}])
    ids = [org.create("Contact", {"LastName": f"N{n}", "Email": f"{n}@example.com"}) for n in range(3)]
    org.update("Contact", ids[0], {"MailingCity": "Bergen"})
    wanted = over_cometd(org, channel)
    async with served.stream(channel) as stream:
        messages = await read_events(stream, len(wanted))
    assert [without_changed_fields(m.data) for m in messages] == wanted
    assert messages[-1].data["payload"]["Email"] == "0@example.com"


async def test_a_gap_event_carries_its_header_alone(served: PubsubOrg, org: Org) -> None:
    [record_id] = make_contacts(org, 1)
    org.emit_gap("Contact", [record_id], "UPDATE")
    async with served.stream(CONTACTS) as stream:
        _, gap = await read_events(stream, 2)
    assert set(gap.data["payload"]) == {"ChangeEventHeader"}


async def test_a_stream_goes_on_strictly_after_its_position(served: PubsubOrg, org: Org) -> None:
    ids = make_contacts(org, 5)
    async with served.stream(CONTACTS) as stream:
        messages = await read_events(stream, 5)
    async with served.stream(CONTACTS, messages[1].replay_id) as stream:
        assert record_ids(await read_events(stream, 3)) == ids[2:]


async def test_new_events_only_begins_with_what_comes_next(
    served: PubsubOrg, org: Org, calls: list[Any]
) -> None:
    make_contacts(org, 2)
    async with served.stream(CONTACTS, -1) as stream:
        while not calls:  # noqa: ASYNC110 -- the org tells nobody
            await asyncio.sleep(0.01)
        ids = make_contacts(org, 1)
        assert record_ids(await read_events(stream, 1)) == ids


async def test_an_expired_position_says_that_it_cannot_continue(served: PubsubOrg, org: Org) -> None:
    make_contacts(org, 3)
    old = org.bus.newest - 2
    org.bus.set_retention(0, org.clock.now().epoch_ms + 1_000)
    async with served.stream(CONTACTS, old) as stream:
        with pytest.raises(ReplayExpiredError, match=str(old)):
            await read_events(stream, 1)


async def test_a_topic_that_does_not_exist_is_a_setting_to_correct(served: PubsubOrg) -> None:
    async with served.stream("/data/NothingChangeEvent") as stream:
        with pytest.raises(SettingsError, match="NothingChangeEvent"):
            await read_events(stream, 1)


async def test_subscriptions_share_one_connection_and_one_login(
    served: PubsubOrg, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers: set[str] = set()
    session = PubSub._session

    async def recorded(self: PubSub, context: Any) -> Any:
        peers.add(context.peer())
        return await session(self, context)

    monkeypatch.setattr(PubSub, "_session", recorded)
    channels = ["/data/AccountChangeEvent", CONTACTS, "/data/CaseChangeEvent"]
    async with (
        served.stream(channels[0]) as accounts,
        served.stream(channels[1]) as contacts,
        served.stream(channels[2]) as cases,
    ):
        made = {
            "Account": [org.create("Account", {"Name": "A"}) for _ in range(150)],
            "Contact": make_contacts(org, 150),
            "Case": [org.create("Case", {"Status": "New"}) for _ in range(150)],
        }
        for name, stream in zip(made, (accounts, contacts, cases), strict=True):
            assert record_ids(await read_events(stream, 150)) == made[name]
    assert len(peers) == 1
    assert served.sessions.logins == 1


# --- credits


async def test_more_is_asked_for_before_what_was_asked_for_has_run_out(
    served: PubsubOrg, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand: list[int] = []
    take = pubsub._Subscription._take

    async def recorded(self: Any, response: Any, credits_: Any) -> None:
        demand.append(credits_.outstanding)
        await take(self, response, credits_)

    monkeypatch.setattr(pubsub._Subscription, "_take", recorded)
    async with served.stream(CONTACTS) as stream:
        for _ in range(40):
            make_contacts(org, 10)
            await read_events(stream, 10)
    assert len(demand) >= 40
    assert min(demand) > 40  # half of a hundred, less one group that came meanwhile


async def test_every_event_is_paid_for_before_it_comes_and_nothing_else_is(
    served: PubsubOrg, org: Org
) -> None:
    allowance = Counting()
    async with served.stream(CONTACTS, allowance=allowance) as stream:
        for _ in range(25):
            make_contacts(org, 10)
            await read_events(stream, 10)
            assert org.meters.delivered_events.used <= allowance.granted
    assert allowance.granted <= 250 + 100


async def test_an_allowance_that_grants_little_at_a_time_slows_the_stream_and_loses_nothing(
    served: PubsubOrg, org: Org
) -> None:
    ids = make_contacts(org, 60)
    allowance = Counting(most=7)
    async with served.stream(CONTACTS, allowance=allowance) as stream:
        assert record_ids(await read_events(stream, 60)) == ids


async def test_a_refused_allowance_ends_the_stream_with_its_error(served: PubsubOrg, org: Org) -> None:
    class Refusing(Counting):
        async def take(self, count: int) -> int:
            if self.granted:
                pause = timedelta(minutes=5)
                raise RateLimitedError(system="the governor", detail="no budget", retry_after=pause)
            return await super().take(count)

        def came(self, count: int) -> None:
            pass

    make_contacts(org, 130)
    async with served.stream(CONTACTS, allowance=Refusing()) as stream:
        with pytest.raises(RateLimitedError, match="no budget"):
            await read_events(stream, 130)


async def test_the_org_never_delivers_more_than_the_governor_granted(served: PubsubOrg, org: Org) -> None:
    governor = LocalGovernor(GREEDY)
    reading = Reading(budget=Budget.DELIVERED_EVENTS, maximum=200, used=0, at=datetime.now(UTC))
    governor.books.take_in((reading,), ())
    leases = Leases(governor, patience=timedelta(seconds=1))
    make_contacts(org, 400)
    found: list[StreamMessage] = []
    async with served.stream(CONTACTS, allowance=EventLease(leases)) as stream:
        with pytest.raises(BudgetSpentError, match="delivered_events"):
            await read_into(found, stream)
    await leases.close()
    spent = governor.books.books[Budget.DELIVERED_EVENTS].spent(LeaseClass.POLLING)
    assert 100 < len(found) == org.meters.delivered_events.used <= spent <= 200 * (1 - GREEDY.margin)


async def test_unread_events_stop_the_asking_and_a_call_closed_for_it_is_made_again(
    served: PubsubOrg, org: Org, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "MOST_BUFFERED", 100)
    org.dials.events.no_demand_seconds = 0.02
    ids = make_contacts(org, 900)
    async with served.stream(CONTACTS) as stream:
        found: list[str] = []
        for number in (1, 2):
            while len(calls) < number or org.pubsub_streams:  # noqa: ASYNC110 -- the org tells nobody
                await asyncio.sleep(0.01)
            found += record_ids(await read_events(stream, 1))
        found += record_ids(await read_events(stream, len(ids) - len(set(found))))
    assert list(dict.fromkeys(found)) == ids
    assert org.meters.delivered_events.used <= len(ids) + 2 * len(calls)


# --- faults


async def test_a_revoked_session_is_renewed_and_the_stream_goes_on(served: PubsubOrg, org: Org) -> None:
    ids = make_contacts(org, 3)
    async with served.stream(CONTACTS) as stream:
        found = record_ids(await read_events(stream, 3))
        served.app.state.sessions.close_all()
        ids += make_contacts(org, 3)
        while set(found) != set(ids):
            found += record_ids(await read_events(stream, 1))
    assert list(dict.fromkeys(found)) == ids
    assert served.sessions.logins == 2


async def test_a_session_that_is_refused_again_ends_the_stream_until_the_next_try(
    served: PubsubOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = OrgSessions._log_in

    async def wrong(self: OrgSessions) -> Any:
        session = await login(self)
        return type(session)("nonsense" + str(self.logins), session.instance_url)

    monkeypatch.setattr(OrgSessions, "_log_in", wrong)
    async with served.stream(CONTACTS) as stream:
        with pytest.raises(SessionEndedError):
            await read_events(stream, 1)
    assert served.sessions.logins == 2


async def test_spent_deliveries_end_the_stream_until_later(served: PubsubOrg, org: Org) -> None:
    ids = make_contacts(org, 4)
    org.meters.delivered_events.maximum = 4
    async with served.stream(CONTACTS) as stream:
        messages = await read_events(stream, 4)
        make_contacts(org, 2)
        with pytest.raises(RateLimitedError, match="delivery limit"):
            await read_events(stream, 1)
    assert record_ids(messages) == ids


async def test_a_limit_met_under_way_is_told_as_one_though_requests_cross_it(
    served: PubsubOrg, org: Org
) -> None:
    ids = make_contacts(org, 800)
    found: list[StreamMessage] = []
    for maximum in (120, 320, 520):
        org.meters.delivered_events.maximum = maximum
        position = found[-1].replay_id if found else -2
        async with served.stream(CONTACTS, position) as stream:
            with pytest.raises(RateLimitedError):
                await read_into(found, stream)
    assert record_ids(found) == ids[: len(found)]
    assert len(found) >= 520


async def read_into(found: list[StreamMessage], stream: PubsubStream) -> None:
    """Read until the stream fails."""
    while True:
        found += await read_events(stream, 1)


async def test_a_cut_stream_is_unavailable_and_gives_first_what_had_come(served: PubsubOrg, org: Org) -> None:
    ids = make_contacts(org, 2)
    async with served.stream(CONTACTS) as stream:
        assert record_ids(await read_events(stream, 2)) == ids
        org.faults.add(FaultRule(point="stream", kind="cut", times=1))
        make_contacts(org, 1)
        with pytest.raises(UnavailableError):
            await read_events(stream, 1)


async def test_an_org_that_says_nothing_is_given_up(
    served: PubsubOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "MOST_SILENCE", 0.2)
    async with served.stream(CONTACTS) as stream:
        with pytest.raises(StreamBrokenError, match="no answer"):
            await read_events(stream, 1)


async def test_a_sign_of_life_moves_the_place_to_go_on_from(served: PubsubOrg, org: Org) -> None:
    org.dials.events.keepalive_seconds = 0.05
    async with served.stream(CONTACTS, -1) as stream:
        org.create("Account", {"Name": "Elsewhere"})
        while stream.resume_id != org.bus.newest:
            await stream.read(wait_seconds=0.05)


async def test_an_event_that_cannot_be_decoded_is_kept_as_a_broken_message(
    served: PubsubOrg, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Encoder._encode

    def spoiled(self: Encoder, delivery: Any) -> Any:
        event = encode(self, delivery)
        if event is not None and delivery.replay_id == org.bus.purged_through + 2:
            event.event.payload = event.event.payload[:40]
        if event is not None and delivery.replay_id == org.bus.purged_through + 3:
            event.event.schema_id = "nobodyknowsthisschema0"
        return event

    monkeypatch.setattr(Encoder, "_encode", spoiled)
    ids = make_contacts(org, 5)
    async with served.stream(CONTACTS) as stream:
        messages = await read_events(stream, 5)
    broken = messages[1:3]
    assert record_ids([messages[0], *messages[3:]]) == [ids[0], *ids[3:]]
    assert [set(m.data) for m in broken] == [{"broken", "event"}] * 2
    assert [m.data["event"]["replayId"] for m in broken] == [m.replay_id for m in broken]
    kept = orjson.loads(broken[1].data["broken"])
    assert kept["schema"] == "nobodyknowsthisschema0"


async def test_what_is_no_event_at_all_is_kept_as_a_broken_message(served: PubsubOrg, org: Org) -> None:
    replay_id = org.publish_raw("Contact", b'{"this is": no JSON')
    async with served.stream(CONTACTS) as stream:
        (message,) = await read_events(stream, 1)
    assert (message.replay_id, set(message.data)) == (replay_id, {"broken", "event"})


async def test_a_new_call_begins_before_a_replay_id_whose_events_may_not_all_have_come(
    served: PubsubOrg, org: Org, calls: list[Any]
) -> None:
    make_contacts(org, 3)
    async with served.stream(CONTACTS) as stream:
        messages = await read_events(stream, 3)
        served.app.state.sessions.close_all()
        make_contacts(org, 1)
        await read_events(stream, 1)
    preset, replay = calls[-1]
    assert preset == wire.CUSTOM
    assert int.from_bytes(replay, "big") == messages[1].replay_id
