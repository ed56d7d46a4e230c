"""`/limits` and `/limits/recordCount` (REST API Developer Guide, "Limits").

The values of the sandbox's meters are real; the rest of Salesforce's keys are there, at their
edition's allocation and unused, because clients index them without asking (a missing
DailyBulkApiBatches ends the Singer tap).
"""

import sqlite3

from starlette.responses import Response

from sandbox.org.data.identity import CONNECTED_APP
from sandbox.org.errors import SalesforceError
from sandbox.org.limits.meters import RollingCount
from sandbox.org.rest.call import Call, json_response
from sandbox.org.soql.entities import Entity
from schemas.salesforce.limits import COMETD_CLIENTS

_BULK_BATCHES_FROM = 49.0
"""Up to v48.0 the key was DailyBulkApiRequests."""
_FUNCTIONS_FROM = 53.0
_EVENT_USAGE_FROM = 48.0
_EDITION_FREE = {
    "ActiveScratchOrgs": 3, "AnalyticsExternalDataSizeMB": 40_960, "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentEinsteinDataInsightsStoryCreation": 5, "ConcurrentEinsteinDiscoveryStoryCreation": 2,
    "ConcurrentSyncReportRuns": 20, "DailyAnalyticsDataflowJobExecutions": 60, "DailyAnalyticsUploadedFilesSizeMB": 51_200,
    "DailyAsyncApexExecutions": 250_000, "DailyAsyncApexTests": 500, "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyDurableGenericStreamingApiEvents": 10_000, "DailyDurableStreamingApiEvents": 10_000,
    "DailyEinsteinDataInsightsStoryCreation": 1_000, "DailyEinsteinDiscoveryOptimizationJobRuns": 0,
    "DailyEinsteinDiscoveryPredictAPICalls": 50_000, "DailyEinsteinDiscoveryPredictionsByCDC": 500_000,
    "DailyEinsteinDiscoveryStoryCreation": 100, "DailyGenericStreamingApiEvents": 10_000, "DailyScratchOrgs": 6,
    "DailyStandardVolumePlatformEvents": 10_000, "DailyStreamingApiEvents": 10_000, "DailyWorkflowEmails": 100_000,
    "DataStorageMB": 1_024, "FileStorageMB": 1_024, "HourlyAsyncReportRuns": 1_200, "HourlyDashboardRefreshes": 200,
    "HourlyDashboardResults": 5_000, "HourlyDashboardStatuses": 999_999_999, "HourlyLongTermIdMapping": 100_000,
    "HourlyManagedContentPublicRequests": 50_000, "HourlyODataCallout": 20_000,
    "HourlyPublishedStandardVolumePlatformEvents": 1_000, "HourlyShortTermIdMapping": 100_000, "HourlySyncReportRuns": 500,
    "HourlyTimeBasedWorkflow": 1_000, "MassEmail": 5_000, "MonthlyEinsteinDiscoveryStoryCreation": 500,
    "Package2VersionCreates": 6, "Package2VersionCreatesWithoutValidation": 500,
    "PlatformEventTriggersWithParallelProcessing": 5, "PrivateConnectOutboundCalloutHourlyLimitMB": 0, "SingleEmail": 5_000,
}  # fmt: skip


async def limits(call: Call) -> Response:
    """`GET /limits`: `{"DailyApiRequests": {"Max": …, "Remaining": …}, …}` (REST API Developer
    Guide, "Limits").
    """
    if not call.org.permissions.of(call.user_id).view_setup:
        message = "View Setup and Configuration is needed for this resource"
        raise SalesforceError("INSUFFICIENT_ACCESS", message, 403)
    found: dict[str, object] = {name: _unused(maximum) for name, maximum in _EDITION_FREE.items()}
    meters = call.org.meters
    clients = COMETD_CLIENTS[call.org.edition]
    streaming = {"Max": clients, "Remaining": clients - call.service.streaming_clients()}
    apps = {CONNECTED_APP: _metered(meters.app_calls)} if call.org.dials.limits.tell_apps else {}
    batches = "DailyBulkApiBatches" if call.version >= _BULK_BATCHES_FROM else "DailyBulkApiRequests"
    found |= {
        "DailyApiRequests": _metered(meters.api_calls) | apps,
        "DailyDeliveredPlatformEvents": _metered(meters.delivered_events),
        "HourlyPublishedPlatformEvents": _metered(meters.published_events),
        "DailyBulkV2QueryJobs": _metered(meters.bulk_query_jobs),
        batches: _metered(meters.bulk_batches),
        "DurableStreamingApiConcurrentClients": streaming,
        "StreamingApiConcurrentClients": streaming,
        "PermissionSets": _unused(1_500) | {"CreateCustom": _unused(1_000)},
        "MonthlyPlatformEventsUsageEntitlement"
        if call.version >= _EVENT_USAGE_FROM
        else "MonthlyPlatformEvents": _unused(0),
    }
    if call.version >= _FUNCTIONS_FROM:
        found["DailyFunctionsApiCallLimit"] = _unused(235_000)
    return json_response(dict(sorted(found.items())))


def _metered(meter: RollingCount) -> dict[str, object]:
    return {"Max": meter.maximum, "Remaining": meter.left}


def _unused(maximum: int) -> dict[str, object]:
    return {"Max": maximum, "Remaining": maximum}


async def record_count(call: Call) -> Response:
    """`GET /limits/recordCount?sObjects=A,B`: without deleted records; no parameter means all (REST
    API Developer Guide, "Record Count").
    """
    wanted = [
        name.strip() for name in call.request.query_params.get("sObjects", "").split(",") if name.strip()
    ]
    entities = (
        [call.service.entities.find(name) for name in wanted] if wanted else list(call.service.entities)
    )
    present = [entity for entity in entities if entity is not None]
    counts = await call.service.readers.run(
        lambda connection: [_count(connection, entity) for entity in present]
    )
    pairs = zip(present, counts, strict=True)
    return json_response({"sObjects": [{"count": count, "name": entity.name} for entity, count in pairs]})


def _count(connection: sqlite3.Connection, entity: Entity) -> int:
    return int(connection.execute(f'SELECT count(*) FROM "{entity.name}" WHERE IsDeleted = 0').fetchone()[0])
