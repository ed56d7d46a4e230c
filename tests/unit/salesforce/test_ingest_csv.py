"""The CSV of an ingest job."""

import csv
import io
import itertools
from typing import Any

import pytest
from hypothesis import given, strategies as st

from clients.salesforce.bulk.ingest_csv import ingest_file, ingest_results
from clients.salesforce.collections import Row
from schemas.catalogue import default_catalogue
from transforms.writeback.row_errors import NOT_SENT

KEY = "ExternalId__c"
ACCOUNT, CONTACT, PAYMENT = (
    default_catalogue().object(name) for name in ("Account", "Contact", "Payment__c")
)


def cells(*rows: Row, spec=ACCOUNT) -> list[dict[str, str]]:
    content = ingest_file(spec, KEY, rows).content.decode()
    return list(csv.DictReader(io.StringIO(content, newline="")))


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text != "#N/A"
)


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS)
def test_every_text_comes_out_of_the_file_as_it_went_in(values: list[str], external_id: str):
    [row] = cells(Row(external_id, {f"F{place}__c": value for place, value in enumerate(values)}))
    assert row == {KEY: external_id, **{f"F{place}__c": value for place, value in enumerate(values)}}


VALUES = [
    (None, "#N/A"),
    ("", "#N/A"),
    (True, "true"),
    (False, "false"),
    (12, "12"),
    (0.1, "0.1"),
    (1e17, "100000000000000000"),
    ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(("value", "cell"), VALUES)
def test_a_value_has_the_form_that_a_job_takes(value: Any, cell: str):
    assert cells(Row("A-1", {"X__c": value})) == [{KEY: "A-1", "X__c": cell}]


def test_what_a_row_does_not_name_is_an_empty_cell():
    rows = cells(Row("A-1", {"Name": "a"}), Row("A-2", {"Phone": "1"}))
    assert rows == [{KEY: "A-1", "Name": "a", "Phone": ""}, {KEY: "A-2", "Name": "", "Phone": "1"}]


def test_a_parent_by_its_external_id_is_a_column_of_its_own():
    parents = {"Account": {KEY: "A-1"}, "Owner": {"attributes": {"type": "User"}, "Ext__c": "U-1"}}
    assert cells(Row("C-1", parents), spec=CONTACT) == [
        {KEY: "C-1", f"Account.{KEY}": "A-1", "User:Owner.Ext__c": "U-1"}
    ]


UNFIT = [
    (Row("A-1", {"Name": "a\0b"}), "NUL"),
    (Row("A-1", {"Name": "#N/A"}), "the text #N/A"),
    (Row("A\0", {"Name": "a"}), "NUL"),
    (Row("A-1", {"Name": ["a"]}), "list"),
    (Row("A-1", {"Name": "x" * 131_073}), "131072 characters"),
    (Row("A-1", {f"F{place}__c": "x" * 131_072 for place in range(4)}), "400000 characters"),
    (Row("A-1", {"Name": "a"}, may_create=False, record_id="001"), "would create"),
]


@pytest.mark.parametrize(("row", "why"), UNFIT, ids=range(len(UNFIT)))
def test_a_row_that_would_arrive_as_another_one_is_left_out_and_says_why(row: Row, why: str):
    file = ingest_file(ACCOUNT, KEY, [row, Row("A-2", {"Name": "a"})])
    assert file.rows == 1
    assert [result.code for result in file.left_out.values()] == [NOT_SENT]
    assert why in file.left_out[row.external_id].message


def test_an_update_by_id_names_its_rows_by_their_ids():
    row = Row("A-1", {"Phone": "1"}, may_create=False, record_id="001000000000001AAA")
    file = ingest_file(ACCOUNT, KEY, [row, Row("A-2", {"Phone": "1"})], by_id=True)
    assert file.content == b'Id,Phone\n"001000000000001AAA","1"\n'
    assert list(file.left_out) == ["A-2"]


def test_rows_of_one_parent_are_neighbours():
    rows = [
        Row(f"P-{place:02d}", {"ServiceRequest__c": f"request{place % 3}", "Account__c": f"account{place}"})
        for place in range(12)
    ]
    parents = [row["ServiceRequest__c"] for row in cells(*rows, spec=PAYMENT)]
    assert [len(list(same)) for _, same in itertools.groupby(parents)] == [4, 4, 4]


def test_a_common_owner_does_not_order_the_rows():
    rows = [Row(f"A-{place}", {"OwnerId": f"005{1 - place}"}) for place in range(2)]
    assert [row[KEY] for row in cells(*rows)] == ["A-0", "A-1"]


def test_the_same_rows_make_the_same_file_in_any_order():
    rows = [Row(f"A-{place}", {"Name": "a", "ParentId": f"{place % 2}"}) for place in range(6)]
    assert ingest_file(ACCOUNT, KEY, rows) == ingest_file(ACCOUNT, KEY, rows[::-1])


ERRORS = [
    (
        "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
        "Required fields are missing: [Name]",
    ),
    ("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--", "unable to obtain exclusive access"),
    ("INVALID_FIELD:Foreign key external ID: a not found:A,B --", "Foreign key external ID: a not found"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_a_failed_row_is_its_code_and_its_words(text: str, message: str):
    content = f'"sf__Id","sf__Error","{KEY}"\n"","{text}","A-1"\n'.encode()
    [(key, result)] = ingest_results(content, KEY)
    assert (key, result.code, result.message) == ("A-1", text.partition(":")[0], message)
