"""The headers by which a caller describes bodies: names of media types and encodings are the same
in any case, and a weight of 0 refuses the name that it stands behind (RFC 9110, sections 8.3.1,
8.4.1, 12.4.2; REST API Developer Guide, "Use Compression").
"""

from collections.abc import Iterator


def wants_gzip(accept_encoding: str) -> bool:
    """Whether the client's Accept-Encoding allows gzip; Salesforce then always compresses."""
    named = dict(_weighted(accept_encoding))
    return named.get("gzip", named.get("x-gzip", named.get("*", 0.0))) > 0


def accepted_types(accept: str) -> list[str]:
    """The media types of an Accept header, in small letters and without those that it refuses."""
    return [name for name, weight in _weighted(accept) if weight > 0]


def is_xml(content_type: str) -> bool:
    """True when a body says that it is XML."""
    return "xml" in content_type.partition(";")[0].lower()


def is_json(content_type: str) -> bool:
    """True when a body says that it is JSON, or nothing of its type."""
    media_type = content_type.partition(";")[0].strip().lower()
    return not media_type or media_type.endswith(("/json", "+json"))


def _weighted(header: str) -> Iterator[tuple[str, float]]:
    """Each name with its weight, 0 to 1; one that cannot be read is 1."""
    for part in header.lower().split(","):
        name, *options = (each.strip() for each in part.split(";"))
        weights = [each.partition("=")[2].strip() for each in options if each.startswith("q")]
        if name:
            yield name, _number(weights[0]) if weights else 1.0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
