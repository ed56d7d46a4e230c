"""Describes by SOAP for clients that are made from the partner WSDL: every element that is not
optional, in the WSDL's order (SOAP API Developer Guide, "DescribeSObjectResult",
"DescribeGlobalResult", "Choosing a WSDL").
"""

import pytest

from tests.sandbox.org_in_process import new_org
from tests.sandbox.rest.test_soap import call, names, result

LISTED = [
    "activateable", "associateEntityType", "associateParentEntity", "createable", "custom", "customSetting", "deepCloneable",
    "deletable", "deprecatedAndHidden", "feedEnabled", "hasSubtypes", "idEnabled", "isInterface", "isSubtype", "keyPrefix",
    "label", "labelPlural", "layoutable", "mergeable", "mruEnabled", "name", "queryable", "replicateable", "retrieveable",
    "searchable", "triggerable", "undeletable", "updateable",
]  # fmt: skip
DESCRIBED = [
    "activateable", "associateEntityType", "associateParentEntity", "childRelationships", "compactLayoutable", "createable",
    "custom", "customSetting", "deepCloneable", "defaultImplementation", "deletable", "deprecatedAndHidden", "feedEnabled",
    "fields", "hasSubtypes", "idEnabled", "implementedBy", "implementsInterfaces", "isInterface", "isSubtype", "keyPrefix",
    "label", "labelPlural", "layoutable", "mergeable", "mruEnabled", "name", "networkScopeFieldName", "queryable",
    "recordTypeInfos", "replicateable", "retrieveable", "searchLayoutable", "searchable", "supportedScopes", "triggerable",
    "undeletable", "updateable", "urlDetail", "urlEdit", "urlNew",
]  # fmt: skip
FIELD = [
    "aggregatable", "aiPredictionField", "autoNumber", "byteLength", "calculated", "caseSensitive", "createable", "custom",
    "defaultedOnCreate", "deprecatedAndHidden", "digits", "filterable", "groupable", "idLookup", "label", "length", "name",
    "nameField", "nillable", "permissionable", "polymorphicForeignKey", "precision", "queryByDistance", "restrictedPicklist",
    "scale", "searchPrefilterable", "soapType", "type", "unique", "updateable",
]  # fmt: skip
"""Those of a field that are not optional."""


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


def once(found):
    """The names, each as often as its neighbours differ: a list is one run of elements."""
    return list(dict.fromkeys(found))


async def test_the_list_of_objects_has_the_elements_of_the_wsdl_in_their_order(http):
    whole = result(await call(http, "describeGlobal"))
    assert once(names(whole)) == ["encoding", "maxBatchSize", "sobjects"]
    for listed in whole[2:]:
        assert names(listed) == LISTED


@pytest.mark.parametrize("name", ["Account", "Case"])
async def test_an_object_is_described_by_the_elements_of_the_wsdl_in_their_order(http, name):
    described = result(await call(http, "describeSObject", f"<sObjectType>{name}</sObjectType>"))
    assert once(names(described)) == DESCRIBED
    fields = [each for each in described if names([each]) == ["fields"]]
    assert fields
    for field in fields:
        found = once(names(field))
        assert found == sorted(found)
        assert [each for each in found if each in FIELD] == FIELD


async def test_an_aggregate_is_an_sobject_to_the_partner_api(http):
    """The partner WSDL has one type of record, `sObject`."""
    asked = "<queryString>SELECT COUNT(Id) n FROM Account</queryString>"
    answer = await call(http, "query", asked)
    assert '<records xsi:type="sf:sObject"><sf:type>AggregateResult</sf:type>' in answer.text
