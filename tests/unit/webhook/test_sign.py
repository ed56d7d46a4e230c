"""Signatures are those of Standard Webhooks: the library that its authors publish verifies them."""

import time

import pytest
from hypothesis import given, strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from transforms.webhook.sign import secret_key, secret_text, signed_headers

KEYS = st.binary(min_size=24, max_size=64)


@given(key=KEYS, text=st.text(st.characters(exclude_categories=["Cs"])))
def test_the_library_of_the_standard_verifies_a_signature_of_any_body(key: bytes, text: str) -> None:
    headers = signed_headers([key], "msg_1", int(time.time()), text.encode())
    Webhook(secret_text(key)).verify(text.encode(), headers, json_parse=False)


@given(keys=st.tuples(KEYS, KEYS, KEYS).filter(lambda keys: len(set(keys)) == 3))
def test_of_two_secrets_each_verifies_and_no_third(keys: tuple[bytes, bytes, bytes]) -> None:
    headers = signed_headers(keys[:2], "msg_1", int(time.time()), b"{}")
    for key in keys[:2]:
        Webhook(secret_text(key)).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_text(keys[2])).verify(b"{}", headers)


@pytest.mark.parametrize("part", ["webhook-id", "webhook-timestamp", "body"])
def test_a_message_of_which_a_part_was_altered_does_not_verify(part: str) -> None:
    key, body, now = b"k" * 32, b'{"a": 1}', int(time.time())
    headers = signed_headers([key], "msg_1", now, body)
    if part == "body":
        body = b'{"a": 2}'
    else:
        headers[part] = {"webhook-id": "msg_2", "webhook-timestamp": str(now + 1)}[part]
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_text(key)).verify(body, headers)


@given(key=KEYS)
def test_a_secret_gives_its_key_back(key: bytes) -> None:
    assert secret_key(secret_text(key)) == key


@pytest.mark.parametrize("text", ["", "whsec", "abc", "whsec_*"])
def test_a_text_that_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        secret_key(text)
