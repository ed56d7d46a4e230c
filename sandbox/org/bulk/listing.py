"""Lists of jobs, a thousand to a page (Bulk API 2.0 and Bulk API Developer Guide, "Get Information
About All Query Jobs").
"""

from itertools import islice

from sandbox.org.bulk.errors import invalid_locator
from sandbox.org.bulk.jobs import JOB_PREFIX
from sandbox.org.bulk.model import Job, Kind
from sandbox.org.bulk.service import Bulk
from sandbox.org.errors import SalesforceError
from sandbox.org.rest.call import Call
from schemas.salesforce.limits import BULK_LIST_PAGE

_JOB_TYPES = ("BigObjectIngest", "Classic", "V2Ingest", "V2Query")


def listing(call: Call, bulk: Bulk, kind: Kind, path: str) -> dict[str, object]:
    """One page; `queryLocator` is the id of the last job of the page before."""
    asked = {name.lower(): value for name, value in call.request.query_params.items()}
    after = asked.get("querylocator", "")
    if after and not after.startswith(JOB_PREFIX):
        raise invalid_locator()
    fitting = (job for job in bulk.jobs.of_kind(kind) if job.id > after and _fits(job, asked))
    page = list(islice(fitting, BULK_LIST_PAGE + 1))
    done = len(page) <= BULK_LIST_PAGE
    page = page[:BULK_LIST_PAGE]
    following = None if done else f"{call.base}{path}?queryLocator={page[-1].id}"
    return {"done": done, "nextRecordsUrl": following, "records": [job.entry() for job in page]}


def _fits(job: Job, asked: dict[str, str]) -> bool:
    job_type, mode, chunked = (
        asked.get(name) for name in ("jobtype", "concurrencymode", "ispkchunkingenabled")
    )
    if job_type is not None and job_type.lower() not in [each.lower() for each in _JOB_TYPES]:
        raise SalesforceError("INVALID_QUERY_FILTER_OPERATOR", f"jobType: invalid value {job_type}")
    return (
        (job_type is None or job_type.lower() == job.kind.lower())
        and (mode is None or mode.lower() == "parallel")
        and (chunked is None or (chunked.lower() == "true") == job.pk_chunking)
    )
