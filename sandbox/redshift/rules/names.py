"""Names that are not in quotation marks."""

from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.words import LONG_NAME, MOST_NAME_BYTES, RESERVED, RESERVED_WORD


def check_name(name: str, *, is_quoted: bool) -> None:
    """Check an identifier that may not be a reserved word."""
    if len(name.encode()) > MOST_NAME_BYTES:
        raise RefusedError(LONG_NAME, f"identifier {name[:40]!r}… has more than {MOST_NAME_BYTES} bytes")
    if is_quoted:
        return
    if name.lower() in RESERVED:
        raise RefusedError(RESERVED_WORD, f'syntax error at or near "{name}"')
