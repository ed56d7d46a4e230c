"""The handle by which tests and people change the org's schema."""

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.control.errors import ControlError
from sandbox.org.control.model import FieldChange, NewField, parsed, parsed_list
from sandbox.org.control.responses import JsonResponse
from sandbox.org.errors import SalesforceError
from sandbox.org.schema.compounds import compound_parts
from sandbox.org.schema.persons import ACCOUNT
from sandbox.org.soql.entities import COMPOUNDS
from sandbox.org.state.org import Org
from sandbox.org.state.schema_changes import SchemaChanges


class FieldHandles:
    """An administrator's actions on an object's fields."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._schema = SchemaChanges(org)

    async def fields(self, request: Request) -> Response:
        """Lists an object's fields; POST adds one or a list of them, PATCH renames or retypes one,
        DELETE (`?name=`) removes one.
        """
        name, lost = request.path_params["object"], 0
        try:
            if request.method == "POST":
                wanted = parsed_list(NewField, await request.body())
                with self._schema.together(name):
                    for each in wanted:
                        self._add(name, each)
            elif request.method == "PATCH":
                lost = self._change(name, parsed(FieldChange, await request.body()))
            elif request.method == "DELETE":
                self._schema.remove(name, request.query_params.get("name", ""))
            spec = self._org.records_of(name).spec
        except SalesforceError as error:
            raise ControlError(f"{error.code}: {error.message}") from error
        except ValidationError as error:
            raise ControlError("; ".join(each["msg"] for each in error.errors())) from error
        found = {field: entry.model_dump(mode="json") for field, entry in spec.fields.items()}
        return JsonResponse({"object": name, "fields": found, "values_lost": lost})

    async def persons(self, request: Request) -> Response:
        """Tells whether the org has person accounts; POST enables them, for good (until a
        reset).
        """
        if request.method == "POST":
            try:
                self._schema.allow_persons()
            except SalesforceError as error:
                raise ControlError(error.message) from error
        account = self._org.records.get(ACCOUNT)
        return JsonResponse({"enabled": account is not None and account.has_persons})

    def _add(self, object_name: str, wanted: NewField) -> None:
        if wanted.type in COMPOUNDS:
            parts = compound_parts(wanted.type, wanted.name, wanted.scale, wanted.set_up())
            self._schema.add_compound(object_name, wanted.name, parts)
        else:
            self._schema.add(
                object_name, wanted.name, wanted.spec(), default=wanted.default, fills=wanted.fills
            )

    def _change(self, object_name: str, wanted: FieldChange) -> int:
        """Returns how many records lost something of their value."""
        old = self._org.records_of(object_name).spec.fields.get(wanted.name)
        lost = 0
        if old is not None and (spec := wanted.spec(old)) != old:
            lost = len(self._schema.retype(object_name, wanted.name, spec).lost)
        if wanted.new_name is not None or old is None:
            self._schema.rename(object_name, wanted.name, wanted.new_name or wanted.name)
        return lost
