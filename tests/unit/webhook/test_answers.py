"""Meanings of answers, waits between tries, and addresses that nothing is sent to."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest

from schemas.webhook.limits import LONGEST_PAUSE, LONGEST_WAIT, MOST_RETRY_AFTER
from transforms.webhook.addresses import address_refusal, url_refusal
from transforms.webhook.answers import Outcome, answer_of, pause_after, wait_after
from transforms.webhook.message import message_id

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FIRST = timedelta(seconds=5)


@pytest.mark.parametrize(
    ("status", "header", "outcome", "wait"),
    [
        (200, None, Outcome.TAKEN, None),
        (204, "60", Outcome.TAKEN, None),
        (301, None, Outcome.FAILED, None),
        (400, None, Outcome.FAILED, None),
        (410, None, Outcome.GONE, None),
        (429, None, Outcome.FAILED, None),
        (429, "soon", Outcome.FAILED, None),
        (429, "7", Outcome.BUSY, timedelta(seconds=7)),
        (503, "Mon, 30 Nov 2026 12:01:00 GMT", Outcome.BUSY, timedelta(minutes=1)),
        (503, "Mon, 30 Nov 2026 11:00:00 GMT", Outcome.BUSY, timedelta(0)),
        (503, "999999999999", Outcome.BUSY, MOST_RETRY_AFTER),
        (500, "7", Outcome.FAILED, None),
        (599, None, Outcome.FAILED, None),
    ],
)
def test_a_status_means(status: int, header: str | None, outcome: Outcome, wait: timedelta | None) -> None:
    found = answer_of(status, header, NOW)
    assert (found.outcome, found.retry_after) == (outcome, wait)


def test_waits_grow_by_three_up_to_the_longest_and_spread_by_a_fifth() -> None:
    assert [wait_after(n, FIRST, 0).total_seconds() for n in (1, 2, 3, 4)] == [5, 15, 45, 135]
    assert wait_after(99, FIRST, 0) == LONGEST_WAIT
    assert wait_after(1, FIRST, 1) == FIRST * 1.2
    assert pause_after(99, FIRST, 0) == LONGEST_PAUSE


INNER = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"]
INNER += ["224.0.0.1", "255.255.255.255", "::", "::1", "fd00:ec2::254", "fe80::1", "::ffff:10.0.0.1"]
INNER += ["64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1"]


@pytest.mark.parametrize("text", INNER)
def test_an_inner_address_is_refused(text: str) -> None:
    assert "is no public address" in address_refusal(ip_address(text), ())


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_allowed(text: str) -> None:
    assert address_refusal(ip_address(text), ()) == ""


def test_a_network_of_the_settings_is_allowed_and_its_neighbour_is_not() -> None:
    ours = (ip_network("10.20.0.0/16"),)
    assert address_refusal(ip_address("10.20.1.1"), ours) == ""
    assert address_refusal(ip_address("::ffff:10.20.1.1"), ours) == ""
    assert address_refusal(ip_address("10.21.1.1"), ours) != ""


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://hooks.example.org",
            "ftp://x",
            "https://",
            "https:///x",
            "hooks.example.org",
            "https://x:99999",
        ),
        *("https://a:b@x.example.org", "https://x.example.org/#part", "https://[::1]/", "https://10.0.0.1/"),
        *("https://x.example.org/ y", "https://ä.example.org", "https://x/" + "y" * 2_000),
    ],
)
def test_a_url_that_cannot_be_a_receivers_is_refused(url: str) -> None:
    assert url_refusal(url, allow_http=False, networks=()) != ""


def test_a_url_of_a_public_host_is_allowed() -> None:
    assert url_refusal("https://hooks.example.org:8443/a?b=c", allow_http=False, networks=()) == ""


def test_an_id_stands_for_one_change_and_has_no_full_stop() -> None:
    ids = {
        message_id(*parts)
        for parts in (("o", "Case", "1"), ("o", "Case", "2"), ("o", "Lead", "1"), ("p", "Case", "1"))
    }
    assert len(ids) == 4
    assert not [each for each in ids if "." in each]
    assert message_id("o", "Case", "1") == message_id("o", "Case", "1")
