"""The bucket's lifecycle configuration: S3 itself ends what nothing but its age decides about.

Raw and staged files are not in it: some of them are still needed when their time is over, and S3
cannot know that. Rules of others stay as they are; ours are known by their ids.
"""

from typing import Any

from botocore.exceptions import ClientError

from clients.storage.objects import S3Address, aws_client
from clients.storage.s3_errors import translated_s3
from schemas.security.retention import PREFIX_RULES

_ABORT_DAYS = 7
"""Days after which parts of an upload that was never completed are deleted."""


class Lifecycle:
    """The lifecycle configuration of one bucket, as far as it is ours. Its methods block."""

    def __init__(self, address: S3Address, org: str) -> None:
        self._bucket = address.bucket
        self._org = org
        self._s3 = aws_client("s3", address)

    def ensure(self) -> bool:
        """Bring our rules up to date; True when something was changed."""
        found = self._found()
        wanted = self._wanted()
        rules = [*(each for each in found if not self._is_ours(each)), *wanted]
        if _by_id(found) == _by_id(rules):
            return False
        with translated_s3("S3"):
            self._s3.put_bucket_lifecycle_configuration(
                Bucket=self._bucket, LifecycleConfiguration={"Rules": rules}
            )
        return True

    def missing(self) -> list[str]:
        """Ids of our rules that the bucket lacks, or has otherwise."""
        found = _by_id(self._found())
        return sorted(name for name, rule in _by_id(self._wanted()).items() if found.get(name) != rule)

    def reaching(self, prefixes: tuple[str, ...]) -> list[str]:
        """Ids of rules, anybody's, that would delete current objects below one of these
        prefixes.
        """
        return sorted(
            rule.get("ID", "")
            for rule in self._found()
            if rule.get("Status") == "Enabled" and rule.get("Expiration") and _reaches(rule, prefixes)
        )

    def _found(self) -> list[dict[str, Any]]:
        try:
            answer = self._s3.get_bucket_lifecycle_configuration(Bucket=self._bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchLifecycleConfiguration":
                return []
            with translated_s3("S3"):
                raise
        return list(answer.get("Rules", []))

    def _wanted(self) -> list[dict[str, Any]]:
        ages = [
            {
                "ID": f"tidegate-{self._org}-{rule.name}",
                "Status": "Enabled",
                "Filter": {"Prefix": rule.of(self._org)},
                "Expiration": {"Days": rule.keep_days},
            }
            for rule in PREFIX_RULES
            if rule.lifecycle
        ]
        abort = {
            "ID": f"tidegate-{self._org}-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _ABORT_DAYS},
        }
        return [*ages, abort]

    def _is_ours(self, rule: dict[str, Any]) -> bool:
        return str(rule.get("ID", "")).startswith(f"tidegate-{self._org}-")


def _by_id(rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {str(rule.get("ID", "")): rule for rule in rules}


def _reaches(rule: dict[str, Any], prefixes: tuple[str, ...]) -> bool:
    """True when the rule's prefix holds one of them, or lies within one."""
    given = rule.get("Filter", {})
    prefix = str(given.get("Prefix", given.get("And", {}).get("Prefix", rule.get("Prefix", ""))))
    return any(each.startswith(prefix) or prefix.startswith(each) for each in prefixes)
