"""Bugs on the road from the org to the warehouse."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from temporalio import workflow

from activities.apply import applier, fold_in
from activities.ingest import follow_lane, landing_buffer
from activities.ingest.landing_buffer import LandingBuffer
from clients.storage.objects import ObjectStore


def _manifest_without_fence() -> AbstractContextManager[object]:
    """Law 2: the manifest is put without a condition, so the last follower wins."""

    def create(store: ObjectStore, key: str, body: bytes) -> bool:
        store.put(key, body)
        return True

    return patch.object(ObjectStore, "create", create)


def _batch_applied_twice() -> AbstractContextManager[object]:
    """Law 3: an apply that was tried again does not ask the ledger."""
    return patch.object(applier, "_applied_before", lambda *_: {})


def _lost_heartbeat() -> AbstractContextManager[object]:
    """Law 1: a new attempt takes the heartbeat's position for the chain's end, and looks no
    further.
    """

    async def adopt_nothing(_follower: Any) -> None:
        return

    return patch.object(follow_lane._Follower, "adopt_chain", adopt_nothing)


def _position_before_land() -> AbstractContextManager[object]:
    """Law 1: events count as landed as soon as they were read."""
    real = LandingBuffer.peek

    def peek(buffer: LandingBuffer) -> Any:
        table = real(buffer)
        buffer.drop_through(int(table["position"][-1].as_py()))
        return table

    return patch.object(LandingBuffer, "peek", peek)


def _batch_never_started() -> AbstractContextManager[object]:
    """Law 8: a batch that another attempt has landed is taken over and not started."""
    real = follow_lane.start_batch

    async def start(client: Any, manifest: Any, oldest_ms: Any = None, landing: Any = None) -> None:
        if landing is not None:
            await real(client, manifest, oldest_ms, landing)

    return patch.object(follow_lane, "start_batch", start)


def _unconfirmed_put() -> AbstractContextManager[object]:
    """Law 1: a raw file is not looked at before its manifest is made."""

    def put(store: ObjectStore, key: str, body: bytes, sha256: str) -> None:
        store._confirms = False
        _REAL_PUT(store, key, body, sha256)

    return patch.object(ObjectStore, "put_confirmed", put)


_REAL_PUT = ObjectStore.put_confirmed


def _commit_in_pieces() -> AbstractContextManager[object]:
    """Law 4: the change log is committed by itself, before what follows from it."""
    real = fold_in.apply_changes

    def apply_changes(transaction: Any, *more: Any) -> Any:
        yield from real(transaction, *more)
        transaction.commit()

    return patch.object(applier, "apply_changes", apply_changes)


def _gap_not_read_again() -> AbstractContextManager[object]:
    """Law 8: a record that an event left incomplete is not put on the list to be read again."""
    return patch.object(fold_in, "reread_incomplete", lambda *_, **__: 0)


def _change_without_a_mark() -> AbstractContextManager[object]:
    """A workflow's new code runs in the histories of the release before: a replay asks for
    something else.
    """
    real = workflow.patched
    return patch.object(workflow, "patched", lambda mark: workflow.unsafe.is_replaying() or real(mark))


def _erased_person_comes_back() -> AbstractContextManager[object]:
    """Law 12: what comes of an erased record later is not looked at before it lands."""
    return patch.object(landing_buffer, "_names_one_of", lambda *_: False)


PLANTED: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "a-manifest-without-a-fence": _manifest_without_fence,
    "a-batch-applied-twice": _batch_applied_twice,
    "a-lost-heartbeat": _lost_heartbeat,
    "dropped-before-it-landed": _position_before_land,
    "a-batch-never-started": _batch_never_started,
    "a-put-that-is-not-confirmed": _unconfirmed_put,
    "a-commit-in-pieces": _commit_in_pieces,
    "a-gap-not-read-again": _gap_not_read_again,
    "an-erased-person-who-comes-back": _erased_person_comes_back,
    "a-workflow-changed-without-a-mark": _change_without_a_mark,
}
