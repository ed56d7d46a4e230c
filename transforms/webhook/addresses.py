"""Which URLs and addresses messages may be sent to.

A URL comes from a caller of the API, and the engine stands inside the network: without this a
webhook could reach the metadata of its machine, or a database.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from schemas.webhook.limits import LONGEST_URL

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_NAT64 = ip_network("64:ff9b::/96")
"""RFC 6052: the last four bytes are an IPv4 address."""


def url_refusal(url: str, *, allow_http: bool, networks: Collection[Network]) -> str:
    """Why a URL is refused; "" = it is allowed. Its name is not looked up."""
    parts = _parts(url)
    if parts is None or not parts.hostname or len(url) > LONGEST_URL or not url.isascii() or " " in url:
        return "it is no URL of a host: give one as https://hooks.example.org/tidegate"
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        return "it does not begin with https://"
    if parts.username or parts.password:
        return "it holds a user or a password: receivers know us by the signature"
    if parts.fragment:
        return "it has a part after #, which is never sent"
    try:
        address = ip_address(parts.hostname)
    except ValueError:
        return ""
    return address_refusal(address, networks)


def address_refusal(address: Address, networks: Collection[Network]) -> str:
    """Why an address is refused; "" = it is allowed, as every address of `networks` is."""
    for each in _meant(address):
        if any(each.version == network.version and each in network for network in networks):
            continue
        if not each.is_global or each.is_multicast or each.is_reserved or _is_of_a_site(each):
            return (
                f"{address} is no public address; TIDEGATE_WEBHOOK__NETWORKS lists other networks to send to"
            )
    return ""


def _is_of_a_site(address: Address) -> bool:
    """RFC 3879 took fec0::/10 out of use, and old networks may have it: `is_global` is true of
    it.
    """
    return isinstance(address, IPv6Address) and address.is_site_local


def _meant(address: Address) -> list[Address]:
    """The addresses to check for this one: itself, and an IPv4 address that it embeds."""
    if not isinstance(address, IPv6Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    within = [address.sixtofour, *(address.teredo or ())]
    return [address, *(each for each in within if each is not None)]


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
