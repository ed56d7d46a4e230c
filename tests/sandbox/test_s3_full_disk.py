"""The S3 emulator refuses an object that it cannot write, as S3 does."""

import shutil
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox import objectstore
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup

pytestmark = [pytest.mark.service, pytest.mark.slow]


def test_an_object_that_cannot_be_written_is_not_acknowledged(tmp_path: Path) -> None:
    group, port = ProcessGroup(tmp_path / "logs"), free_port()
    try:
        objectstore.start_objectstore(group, tmp_path / "s3", port=port)
        s3 = boto3.client(
            "s3",
            endpoint_url=objectstore.endpoint(port),
            region_name=objectstore.REGION,
            aws_access_key_id=objectstore.ACCESS_KEY,
            aws_secret_access_key=objectstore.SECRET_KEY,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )
        s3.put_object(Bucket=objectstore.BUCKET, Key="a/kept", Body=b"x")
        # A file in place of the folder fails every write below it, as a full disk would.
        objects = tmp_path / "s3" / "objects"
        shutil.rmtree(objects)
        objects.write_text("full")
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket=objectstore.BUCKET, Key="a/lost", Body=b"x")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        with pytest.raises(ClientError):
            s3.head_object(Bucket=objectstore.BUCKET, Key="a/lost")
    finally:
        group.stop()
