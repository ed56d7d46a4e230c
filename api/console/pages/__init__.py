"""The console's pages: one file each, and what each shows."""

from starlette.routing import Route

from api.console.live import page
from api.console.pages.audit import audit
from api.console.pages.budget import budget
from api.console.pages.fleet import first_page, fleet
from api.console.pages.incidents import incidents
from api.console.pages.ledger import batch, lane, ledger
from api.console.pages.overview import overview
from api.console.pages.quality import quality
from api.console.pages.reconciliation import reconciliation
from api.console.pages.record import record
from api.console.pages.reports import reports
from api.console.pages.runs import run, runs
from api.console.pages.writebacks import writeback, writebacks

PAGES: tuple[Route, ...] = (
    page("", first_page, every=3.0),
    page("/fleet", fleet),
    page("/overview", overview, every=3.0),
    page("/lanes/{lane:path}", lane),
    page("/ledger", ledger),
    page("/batches/{batch:path}", batch),
    page("/writebacks", writebacks),
    page("/writebacks/{number:int}", writeback),
    page("/runs", runs),
    page("/runs/{kind}/{id:path}", run),
    page("/budget", budget),
    page("/quality", quality),
    page("/reconciliation", reconciliation),
    page("/reports", reports, every=30.0),
    page("/record", record),
    page("/incidents", incidents),
    page("/audit", audit, every=10.0),
)
