"""KMS: the org's data key for PII, made once, kept wrapped in S3, unwrapped in memory at start."""

import base64

import orjson

from clients.storage.objects import ObjectStore, S3Address, aws_client, translated_s3
from schemas.ids import data_key_key
from transforms.pii import KEY_BYTES, DataKey

_KEY_ID = "1"


def org_data_key(org: str, address: S3Address, store: ObjectStore) -> DataKey:
    """The data key of `org`; the first caller makes it, the second one finds it.

    Raises `CredentialsRejectedError` when KMS or S3 refuse us, `UnavailableError` when they do
    not answer.
    """
    kms = aws_client("kms", address)
    where = data_key_key(org)
    found = store.find(where)
    if found is None:
        with translated_s3("KMS"):
            made = kms.generate_data_key(
                KeyId=address.place(where).kms_key_id, NumberOfBytes=KEY_BYTES, EncryptionContext={"org": org}
            )
        wrapped = base64.b64encode(made["CiphertextBlob"]).decode()
        store.create(where, orjson.dumps({"format": 1, "id": _KEY_ID, "wrapped": wrapped}))
        found = store.get(where)
    entry = orjson.loads(found)
    with translated_s3("KMS"):
        opened = kms.decrypt(
            CiphertextBlob=base64.b64decode(entry["wrapped"]), EncryptionContext={"org": org}
        )
    return DataKey(id=entry["id"], key=opened["Plaintext"])
