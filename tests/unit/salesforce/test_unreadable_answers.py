"""An answer of Bulk API that was cut off or garbled on the way is asked for again; nothing of it is
taken for a result.
"""

import pytest

from clients.salesforce.bulk.ingest_csv import ingest_results
from clients.salesforce.polled_rows import rows_of_csv
from schemas.errors import UnavailableError
from tests.support.builders.things import SPEC

KEY = "ExternalId__c"
WRITTEN = b'"sf__Id","sf__Created","ExternalId__c"\n"001000000000001AAA","true","A-1"\n'
REFUSED = b'"sf__Id","sf__Error","ExternalId__c"\n"","CODE:words --","A-1"\n'


@pytest.mark.parametrize("whole", [WRITTEN, REFUSED], ids=["written", "refused"])
def test_results_cut_off_anywhere_in_a_row_are_no_results(whole: bytes):
    begins = whole.index(b"\n") + 2
    # The last two places are the closing quote and the line feed: the row is whole before them.
    for end in range(begins, len(whole) - 2):
        with pytest.raises(UnavailableError):
            list(ingest_results(whole[:end], KEY))
    assert [key for key, _ in ingest_results(whole, KEY)] == ["A-1"]


@pytest.mark.parametrize(
    "garbled",
    [
        pytest.param(WRITTEN.replace(b"A-1", b"A-\xfa"), id="bytes that are no UTF-8"),
        pytest.param(WRITTEN.replace(b'"true",', b""), id="a cell too few"),
        pytest.param(WRITTEN.replace(b'"true",', b'"true","more",'), id="a cell too many"),
        pytest.param(WRITTEN.replace(b"ExternalId__c", b"Other__c"), id="without the key"),
    ],
)
def test_garbled_results_are_no_results(garbled: bytes):
    with pytest.raises(UnavailableError):
        list(ingest_results(garbled, KEY))


PAGE = b'"Id","IsDeleted","SystemModstamp","Title__c"\n"a0x000000000001AAA","false","2026-11-25T12:00:00.000Z","a"\n'


@pytest.mark.parametrize(
    "garbled",
    [
        pytest.param(PAGE[:-6], id="cut off in a row"),
        pytest.param(PAGE.replace(b"Title__c", b"T\xd5tle__c"), id="a header that is no UTF-8"),
        pytest.param(PAGE.replace(b"SystemModstamp", b"Modstamp"), id="without the time of change"),
        pytest.param(PAGE.replace(b"Title__c", b"Title\n__c"), id="a header over two lines"),
        pytest.param(PAGE.replace(b"Modstamp", b"Mod\r\nstamp"), id="a time of change over two lines"),
        pytest.param(PAGE.replace(b'"2026-11-25T12:00:00.000Z"', b'""'), id="a row without its time"),
        pytest.param(PAGE.replace(b'"a0x000000000001AAA"', b'""'), id="a row without its id"),
        pytest.param(PAGE.replace(b"2026-11-25T", b"yesterday"), id="a time of change that is none"),
    ],
)
def test_a_garbled_page_of_rows_is_asked_for_again(garbled: bytes):
    assert len(rows_of_csv(PAGE, SPEC)) == 1
    with pytest.raises(UnavailableError):
        rows_of_csv(garbled, SPEC)
