"""The org's metadata of deploy/salesforce is well-formed, whole, and about the catalogue's
objects.
"""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from schemas.catalogue import default_catalogue
from schemas.salesforce.limits import API_VERSION

FOLDER = Path(__file__).parents[2] / "deploy" / "salesforce"
SOURCE = FOLDER / "source"
FILES = sorted(SOURCE.rglob("*-meta.xml"))
SPACE = "{http://soap.sforce.com/2006/04/metadata}"
SUFFIX_OF = {
    "ExternalClientApplication": "eca",
    "ExtlClntAppGlobalOauthSettings": "ecaGlblOauth",
    "ExtlClntAppOauthConfigurablePolicies": "ecaOauthPlcy",
    "ExtlClntAppOauthSettings": "ecaOauth",
    "PermissionSet": "permissionset",
    "PlatformEventChannelMember": "platformEventChannelMember",
}
OBJECTS = default_catalogue().objects


def read(file: Path) -> ElementTree.Element:
    return ElementTree.parse(file).getroot()


def text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{SPACE}{name}", "")


def permissions(name: str) -> dict[str, ElementTree.Element]:
    """Object -> its permissions."""
    root = read(SOURCE / "permissionsets" / f"{name}.permissionset-meta.xml")
    return {text(each, "object"): each for each in root.iter(f"{SPACE}objectPermissions")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_of_the_type_that_its_name_says(file: Path) -> None:
    root = read(file)
    kind = root.tag.removeprefix(SPACE)
    assert file.name.endswith(f".{SUFFIX_OF[kind]}-meta.xml")
    parts = [
        each.tag for each in root if each.tag in {f"{SPACE}objectPermissions", f"{SPACE}userPermissions"}
    ]
    assert parts == sorted(parts), "the Metadata API wants elements of one kind together"


def test_the_manifest_names_every_file_and_nothing_else() -> None:
    listed = {
        (text(kind, "name"), str(member.text))
        for kind in read(FOLDER / "package.xml").iter(f"{SPACE}types")
        for member in kind.iter(f"{SPACE}members")
    }
    assert listed == {(read(file).tag.removeprefix(SPACE), file.name.partition(".")[0]) for file in FILES}


def test_the_versions_are_the_engines() -> None:
    assert text(read(FOLDER / "package.xml"), "version") == API_VERSION
    assert json.loads((FOLDER / "sfdx-project.json").read_text())["sourceApiVersion"] == API_VERSION


def test_every_object_of_the_catalogue_is_selected_for_change_events() -> None:
    members = {file.name.partition(".")[0]: read(file) for file in FILES if "ChannelMembers" in str(file)}
    selected = {text(root, "selectedEntity") for root in members.values()}
    assert selected == {spec.event_name for spec in OBJECTS.values()}
    assert {text(root, "eventChannel") for root in members.values()} == {"ChangeEvents"}
    # Two underscores in a row are no part of a member's own name.
    assert {name: text(root, "selectedEntity").replace("__", "_") for name, root in members.items()} == dict(
        zip(members, members, strict=True)
    )


def test_the_reader_sees_every_record_and_field_and_changes_nothing() -> None:
    given = permissions("Tidegate_Read")
    assert given.keys() == OBJECTS.keys()
    for each in given.values():
        assert {text(each, name) for name in ("allowRead", "viewAllRecords", "viewAllFields")} == {"true"}
        changes = ("allowCreate", "allowEdit", "allowDelete", "modifyAllRecords")
        assert {text(each, name) for name in changes} == {"false"}
    root = read(SOURCE / "permissionsets" / "Tidegate_Read.permissionset-meta.xml")
    names = {text(each, "name") for each in root.iter(f"{SPACE}userPermissions")}
    assert names == {"ApiEnabled", "ViewSetup"}


def test_the_writer_deletes_nothing() -> None:
    given = permissions("Tidegate_Write")
    assert given.keys() == OBJECTS.keys()
    for each in given.values():
        assert {text(each, name) for name in ("allowCreate", "allowEdit", "allowRead")} == {"true"}
        assert {text(each, name) for name in ("allowDelete", "modifyAllRecords")} == {"false"}


def test_the_app_lets_only_approved_users_call_the_api_alone() -> None:
    (settings,) = SOURCE.glob("extlClntAppOauthSettings/*")
    assert text(read(settings), "commaSeparatedOauthScopes") == "Api"
    (policies,) = SOURCE.glob("extlClntAppOauthPolicies/*")
    assert text(read(policies), "permittedUsersPolicyType") == "AdminApprovedPreAuthorized"
    assert text(read(policies), "commaSeparatedPermissionSet") == "Tidegate_Read"
    apps = {text(read(file), "externalClientApplication") for file in SOURCE.glob("extlClntApp*/*")}
    assert apps == {"Tidegate"}


def test_no_key_or_secret_is_in_the_files() -> None:
    for file in FILES:
        assert not {f"{SPACE}consumerKey", f"{SPACE}consumerSecret"} & {
            each.tag for each in read(file).iter()
        }
