"""The audit log: what operators did, the newest first, and whether the record of it is whole."""

from api.console.live import View, Visit
from api.console.parts_asked import ask_thread
from api.dependencies import Dependencies
from schemas.ingest.messages import Act
from schemas.security.acting import author
from schemas.security.audit import AuditVerdict
from workers.security.anchoring import verify_audit

_SHOWN = 50


async def audit(visit: Visit) -> View:
    """A page of acts. `verify` in the query has the whole log checked, which reads all of it."""
    parts, before = visit.parts, visit.word("before")
    number = int(before) if before.isdigit() else None
    acts = await ask_thread("the audit log", _acts, parts, number)
    # A stream must not read the whole log every few seconds.
    is_asked = bool(visit.word("verify")) and not visit.word("stream")
    verified = await ask_thread("the check", _verdict, parts) if is_asked else None
    values = {
        "acts": acts,
        "author": author,
        "verified": verified,
        "is_last": len(acts.value or ()) < _SHOWN,
        "was_asked": bool(visit.word("verify")),
    }
    command = "tidegate audit verify" if visit.word("verify") else "tidegate audit list"
    return View("Audit", "audit.html", command, values, section="Audit")


def _acts(parts: Dependencies, before: int | None) -> list[tuple[int, Act]]:
    parts.audit.ensure_tables()
    return parts.audit.page(_SHOWN, before=before)


def _verdict(parts: Dependencies) -> AuditVerdict:
    return verify_audit(parts.settings)
