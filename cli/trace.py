"""tidegate trace: one record's way, from the event to the row."""

import asyncio
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings
from clients.writeback.queries import Row
from workers.record_trace import trace_record


def trace(
    record_id: Annotated[str, typer.Argument(help="18-character (or 15-character) record id.")],
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show one record's way from the event to the row. With raw files, batches, versions,
    writebacks and links into the Web UI.

    Example: tidegate trace 500Tg0000000001AAA
    """
    found = asyncio.run(asyncio.to_thread(trace_record, local_settings(settings, home), record_id))
    if found is None:
        say(
            f"No change of {record_id} is in the warehouse. Check the id, and `tidegate status` for quarantine."
        )
        raise typer.Exit(EXIT_FAILED)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    OUT.print(f"{found.get('object', '')} {found['record_id']}")
    changes = Table("change", "committed", "received", "curated", "by", "batch", "fields", box=None)
    for column in changes.columns[:-1]:
        column.no_wrap = True
    for step in found["steps"]:
        times = (step[name] for name in ("changed_at", "received_at", "committed_at"))
        shown = (f"{moment:%m-%d %H:%M:%S.%f}"[:-4] if moment else "" for moment in times)
        fields = "whole record" if step["changed_fields"] is None else step["changed_fields"]
        changes.add_row(step["change_type"], *shown, step["commit_user"] or "", step["batch"], fields)
    OUT.print(changes)
    if archived := {step["archived_in"] for step in found["steps"] if step["archived_in"]}:
        OUT.print(f"in the archive, no longer in the warehouse: {', '.join(sorted(archived))}", markup=False)
    if found.get("archive"):
        OUT.print(found["archive"], markup=False)
    for step in {step["batch"]: step for step in found["steps"]}.values():
        OUT.print(f"batch {step['batch']}: positions {step['positions']}, raw file {step['raw_file']}")
        OUT.print(f"  {step['workflow_url'] or step['workflow']}")
        OUT.print(f"  trace {step['trace_url'] or step['trace_id']}", markup=False)
    if current := found.get("current"):
        deleted = ", deleted" if current["is_deleted"] else ""
        whole = "" if current["is_complete"] else ", incomplete: no whole record was seen yet"
        OUT.print(
            f"current row: version {current['version']}{deleted}{whole}, as of {current['changed_at']:%Y-%m-%d %H:%M:%S}"
        )
    for version in found.get("versions", []):
        until = "now" if version["valid_to"] is None else f"{version['valid_to']:%Y-%m-%d %H:%M:%S}"
        OUT.print(f"  version {version['version']}: {version['valid_from']:%Y-%m-%d %H:%M:%S} to {until}")
    if current and current["unknown_fields"]:
        OUT.print(f"unknown in it: {current['unknown_fields']}; null there says nothing of the org's value")
    for finding in found.get("quality", []):
        OUT.print(_finding_line(finding), markup=False)
    for refused in found["quarantined"]:
        answer = f"; answered by {refused['resolved_by']}" if refused["resolved_at"] is not None else ""
        OUT.print(
            f"in quarantine: {refused['reason']} ({refused['detail']}), batch {refused['batch']}{answer}"
        )
    for written in found["writebacks"]:
        OUT.print(writeback_line(written), markup=False)


def _finding_line(finding: dict[str, Any]) -> str:
    end = "open"
    if finding["resolved_at"] is not None:
        end = f"resolved by {finding['resolved_by']}"
    elif finding["acknowledged_at"] is not None:
        end = "acknowledged"
    weight = finding["state"] or finding["severity"]
    since = f"{finding['first_seen_at']:%Y-%m-%d %H:%M:%S}"
    return f"quality: {finding['field']} breaks {finding['rule']} ({weight}) since {since}: {finding['detail']}; {end}"


def writeback_line(row: Row) -> str:
    """One writeback: whose, where it stands, when it came how far, and which fields it names."""
    times = {
        "accepted": row["accepted_at"],
        "sent": row["sent_at"],
        "done": row["done_at"],
        "back": row["echoed_at"],
    }
    said = ", ".join(f"{word} {moment:%m-%d %H:%M:%S}" for word, moment in times.items() if moment)
    what = " ".join(filter(None, (row["code"], row["reason"])))
    of = f", undoes {row['undoes']}" if row["undoes"] else ""
    end = f"; {what}" if what else ""
    return f"writeback {row['number']} by {row['caller']}: {row['state']} in batch {row['batch']}{of}; {said}; fields {', '.join(row['fields'])}{end}"
