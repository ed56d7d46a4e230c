"""A proof is of one name, one target and one content, by a key that is known."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.ingest.messages import PauseInput
from schemas.security.acting import Door, Origin
from transforms.proof import ActKeys, content_digest, doubt_of, signed

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEYS = ActKeys("new", {"new": bytes(32), "old": bytes(range(32))})
LANE = "lane/o/changes"
SAID = Origin(door=Door.HTTP, target=LANE, operation="signal pause", content="c", user="ada", host="h")


def proven(**changed: Any) -> Origin:
    """Signed, then changed."""
    return signed(SAID, "ada", KEYS, NOW).model_copy(update=changed)


def test_a_signed_origin_proves_its_author_by_the_present_key() -> None:
    origin = proven()
    assert origin.proof is not None
    assert (origin.proof.key_id, origin.proof.issued_at) == ("new", NOW.isoformat())
    assert doubt_of(origin, "ada", LANE, KEYS) == ""


def test_a_proof_by_a_key_that_signs_no_more_still_holds() -> None:
    before = signed(SAID, "ada", ActKeys("old", {"old": KEYS.keys["old"]}), NOW)
    assert doubt_of(before, "ada", LANE, KEYS) == ""


def test_an_origin_without_a_proof_and_a_process_without_keys_prove_nothing() -> None:
    assert doubt_of(SAID, "ada", LANE, KEYS) == "no proof came with it"
    assert doubt_of(proven(), "ada", LANE, None) == "this process has no key to check the proof"


def test_a_proof_by_a_key_that_is_gone_is_doubted() -> None:
    assert doubt_of(proven(), "ada", LANE, ActKeys("x", {"x": b"x"})) == "its proof is by an unknown key"


@pytest.mark.parametrize(
    "changed",
    [
        {"door": Door.COMMAND},
        {"user": "eve"},
        {"host": "other"},
        {"target": "lane/o/other"},
        {"operation": "signal resume"},
        {"content": "d"},
    ],
)
def test_a_proof_is_of_no_other_origin(changed: dict[str, Any]) -> None:
    origin = proven(**changed)
    assert doubt_of(origin, "ada", origin.target, KEYS) == "its proof is not of this name and content"


def test_a_proof_is_of_no_other_name() -> None:
    assert doubt_of(proven(), "eve", LANE, KEYS) == "its proof is not of this name and content"


@pytest.mark.parametrize("changed", [{"nonce": "n"}, {"issued_at": ""}, {"mac": "x"}])
def test_a_proof_of_which_anything_is_changed_is_none(changed: dict[str, str]) -> None:
    origin = proven()
    assert origin.proof is not None
    forged = origin.model_copy(update={"proof": origin.proof.model_copy(update=changed)})
    assert doubt_of(forged, "ada", LANE, KEYS) == "its proof is not of this name and content"


def test_a_proof_of_one_target_does_not_serve_for_another() -> None:
    assert doubt_of(proven(), "ada", "lane/o/other", KEYS) == "its proof is of another target"


def test_a_principal_is_proven_only_where_temporal_itself_is_the_door() -> None:
    """Temporal tells it after a request was signed, so no other door could have signed it."""
    assert doubt_of(proven(principal="worker"), "ada", LANE, KEYS) == ""
    inside = signed(SAID.model_copy(update={"door": Door.TEMPORAL}), "ada", KEYS, NOW)
    told = inside.model_copy(update={"principal": "worker"})
    assert doubt_of(told, "ada", LANE, KEYS) == "its proof is not of this name and content"


def test_two_proofs_of_one_origin_differ_unless_their_nonce_is_given() -> None:
    first, second = proven().proof, proven().proof
    assert first is not None
    assert second is not None
    assert first.nonce != second.nonce
    assert len(first.nonce) == 32
    given = [signed(SAID, "ada", KEYS, NOW, "n") for _ in range(2)]
    assert given[0] == given[1]
    assert given[0].proof is not None
    assert given[0].proof.nonce == "n"


def test_a_digest_is_of_what_differs_from_the_defaults_in_any_order() -> None:
    bare, said = PauseInput(reason="why"), PauseInput(reason="why", by="unknown")
    assert content_digest([bare]) == content_digest([said])
    assert content_digest([bare]) == content_digest([bare.model_dump(mode="json", exclude_defaults=True)])
    assert content_digest([bare]) != content_digest([PauseInput(reason="other")])
    assert content_digest([{"a": 1, "b": 2}]) == content_digest([{"b": 2, "a": 1}])
    assert content_digest([1, 2]) != content_digest([2, 1])
