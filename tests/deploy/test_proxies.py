"""Behind a proxy that signs TLS itself: every client goes through it, and trusts the bundle that
the environment names.
"""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from tests.deploy.proxy import Proxy, forward_proxy
from tests.real_clients.org import SalesforceOrg
from tests.support.builders.waiting import SLOWNESS

pytestmark = [pytest.mark.service, pytest.mark.slow]

HOST, BUCKET_HOST = "acme.my.salesforce.com", "s3.example"
"""Names that lead nowhere here: a process that reaches them went through the proxy."""
CHANNEL = "/data/AccountChangeEvent"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceOrg]:
    started = SalesforceOrg(tmp_path_factory.mktemp("org"))
    started.start()
    started.create("Account", Name="Acme")
    yield started
    started.stop()


@pytest.fixture
def settings(org: SalesforceOrg, aws: Any) -> dict[str, Any]:
    bucket = f"b{uuid.uuid4().hex[:8]}"
    aws("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    who = org.identity
    return {
        "salesforce": {
            "org_id": who["org_id"],
            "login_url": f"https://{HOST}",
            "client_id": who["client_id"],
            "client_secret": who["client_secret"],
            "pubsub_endpoint": f"{HOST}:7443",
        },
        "s3": {
            "bucket": bucket,
            "kms_key_id": aws("kms").create_key()["KeyMetadata"]["KeyId"],
            "region": "eu-central-1",
            "endpoint_url": f"http://{BUCKET_HOST}",
            "access_key": "tests",
            "secret_key": "tests",
        },
        "warehouse": {"dsn": "postgresql://localhost/w"},
        "operational": {"dsn": "postgresql://localhost/o"},
        "lanes": [
            {"name": "cometd", "channel": CHANNEL, "transport": "cometd"},
            {"name": "pubsub", "channel": CHANNEL, "transport": "pubsub"},
        ],
    }


async def run(settings: dict[str, Any], environment: dict[str, str]) -> tuple[int, str, str]:
    """Exit code and output of a process that uses every client."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.deploy.behind_proxy",
        json.dumps(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**kept, **environment},
    )
    try:
        told, errors = await asyncio.wait_for(process.communicate(), 60 * SLOWNESS)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, told.decode(), errors.decode()


def through(proxy: Proxy, org: SalesforceOrg) -> dict[str, str]:
    return {
        "HTTPS_PROXY": proxy.url,
        "HTTP_PROXY": proxy.url,
        "http_proxy": proxy.url,
        "https_proxy": proxy.url,
        "SSL_CERT_FILE": str(org.ca_file),
    }


async def test_every_client_goes_through_the_proxy_and_trusts_its_bundle(
    org: SalesforceOrg, settings: dict[str, Any], aws_port: int
) -> None:
    routes = {
        f"{HOST}:443": org.tls_port,
        f"{HOST}:7443": org.pubsub_port,
        f"{BUCKET_HOST}:80": aws_port,
    }
    async with forward_proxy(routes) as proxy:
        code, told, errors = await run(settings, through(proxy, org))
        assert code == 0, errors[-3_000:]
        assert json.loads(told) == {
            "instance": f"https://{HOST}",
            "versions": True,
            "s3": "through",
            "cometd": 1,
            "pubsub": 1,
        }
        assert set(proxy.targets) == set(routes)


async def test_a_certificate_that_the_bundle_does_not_sign_is_refused(
    org: SalesforceOrg, settings: dict[str, Any], tmp_path: Any
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    async with forward_proxy({f"{HOST}:443": org.tls_port}) as proxy:
        code, _, errors = await run(settings, through(proxy, org) | {"SSL_CERT_FILE": str(other)})
    assert code != 0
    assert "CERTIFICATE_VERIFY_FAILED" in errors
