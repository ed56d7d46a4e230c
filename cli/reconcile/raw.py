"""tidegate reconcile raw: is every landed file still there, as it was landed?"""

from typing import Annotated

import typer
from rich.table import Table

from cli.options import DEFAULT_HOME, Home, SettingsFile, Since, Until, time_range
from cli.output import EXIT_FAILED, OUT, TALK, AsJson, print_json, say
from cli.state import local_settings
from cli.stores import object_store
from clients.storage.raw_check import RawQuestion, check_raw
from schemas.raw_check import RawReport

_SHOWN = 20


def raw(
    lane: Annotated[str | None, typer.Option("--lane", help="Only this lane.")] = None,
    since: Since = None,
    until: Until = None,
    reads: Annotated[
        bool,
        typer.Option(
            "--read", help="Read every file and hash its bytes; otherwise S3's checksum is compared."
        ),
    ] = False,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Hold every manifest against its raw file: existence, size and checksum. Costs no API call.
    Exits 1 when a file is missing or altered.

    Example: tidegate reconcile raw --since 2d
    """
    loaded = local_settings(settings, home)
    first, last = time_range(since, until)
    question = RawQuestion(loaded.salesforce.org_id, lane, first, last, reads)
    report = RawReport()
    with TALK.status("checking raw files") as status:
        for report in check_raw(object_store(loaded), question):
            status.update(f"checking raw files: {report.batches:,}, {report.faults:,} at fault")
    print_json(report.model_dump(mode="json")) if as_json else _show(report)
    if not report.is_whole:
        say("Bring the files back from a version or a copy of the bucket, then replay their lane.")
        raise typer.Exit(EXIT_FAILED)


def _show(report: RawReport) -> None:
    OUT.print(
        f"{report.batches:,} batches of {report.lanes:,} lanes, {report.bytes:,} bytes: {report.faults:,} at fault; "
        f"{report.checksums:,} checksums compared"
    )
    if not report.findings:
        return
    table = Table("fault", "lane", "changes", "raw file")
    for each in report.findings[:_SHOWN]:
        table.add_row(str(each.fault), each.lane, f"{each.changes:,}", each.raw or each.manifest)
    OUT.print(table)
    if report.faults > _SHOWN:
        OUT.print(f"{report.faults - _SHOWN:,} more; --json lists them")
