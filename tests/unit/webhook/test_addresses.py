"""URLs and addresses that nothing is sent to."""

from ipaddress import ip_address, ip_network

import pytest

from schemas.webhook.limits import LONGEST_URL
from transforms.webhook.addresses import address_refusal, url_refusal

INNER = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"]
INNER += ["224.0.0.1", "255.255.255.255", "::", "::1", "fd00:ec2::254", "fe80::1", "::ffff:10.0.0.1"]
INNER += ["64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1", "ff0e::1", "4000::1", "fec0::1"]


@pytest.mark.parametrize("text", INNER)
def test_an_inner_address_is_refused(text: str) -> None:
    assert "is no public address" in address_refusal(ip_address(text), ())


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
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


def test_a_url_of_the_longest_length_is_allowed_and_none_of_one_more() -> None:
    longest = "https://x.example.org/".ljust(LONGEST_URL, "y")
    assert url_refusal(longest, allow_http=False, networks=()) == ""
    assert "no URL of a host" in url_refusal(longest + "y", allow_http=False, networks=())


def test_http_is_for_those_who_allow_it_and_no_other_scheme_ever() -> None:
    for url, is_allowed in (("http://x.example.org/", True), ("ftp://x.example.org/", False)):
        assert (url_refusal(url, allow_http=True, networks=()) == "") == is_allowed
        assert "begin with https" in url_refusal(url, allow_http=False, networks=())


@pytest.mark.parametrize("user", ["a", ":b", "a:b"])
def test_a_user_and_a_password_are_refused_each_by_itself(user: str) -> None:
    assert "a user or a password" in url_refusal(f"https://{user}@x.org/", allow_http=False, networks=())


def test_a_url_of_an_address_is_allowed_as_its_address_is() -> None:
    ours = (ip_network("10.20.0.0/16"),)
    assert url_refusal("https://10.20.1.1/", allow_http=False, networks=ours) == ""
    assert url_refusal("https://8.8.8.8/", allow_http=False, networks=()) == ""


def test_an_address_that_embeds_an_inner_one_is_refused_even_in_a_network_of_the_settings() -> None:
    """Teredo and 6to4: what is sent there is sent on to the address inside."""
    ours = (ip_network("2001::/16"), ip_network("2002::/16"))
    assert address_refusal(ip_address("2002:a00:1::"), ours) != ""
    assert address_refusal(ip_address("2001:0:808:808:0:0:f5ff:fffe"), ours) != ""
    assert address_refusal(ip_address("2001:0:808:808:0:0:f7f7:f7f7"), ours) == ""
