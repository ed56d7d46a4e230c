"""The handle by which tests and people do to the org what its users do on pages that have no API:
merge, convert, transfer, make a record type.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sandbox.org.control.errors import ControlError
from sandbox.org.control.responses import JsonResponse
from sandbox.org.errors import SalesforceError
from sandbox.org.schema.exact import loads
from sandbox.org.state.dml import Dml
from sandbox.org.state.lead_conversion import LeadConvert, LeadConverter
from sandbox.org.state.merges import Merge, Merger
from sandbox.org.state.org import Org
from sandbox.org.state.record_types import RecordTypes
from sandbox.org.state.transfers import OWNER, Transfer, Transfers


class _Operation(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str | None = None
    """Id of the user who does it; None: the integration user."""


class MergeRecords(_Operation):
    """Merge up to two records into another one."""

    operation: Literal["merge"]
    object: str
    winner: str
    losers: tuple[str, ...]
    fields: dict[str, Any] = {}
    """New values of the winner."""


class TransferRecords(_Operation):
    """Give records another owner: those of `record_ids`, or all live ones of an owner."""

    operation: Literal["transfer"]
    object: str
    owner: str
    record_ids: tuple[str, ...] = ()
    from_owner: str | None = None
    options: tuple[str, ...] = ()
    """Of SOAP's OwnerChangeOptions."""


class MakeRecordType(_Operation):
    """Give an object a record type, and with its first one the field RecordTypeId."""

    operation: Literal["record_type"]
    object: str
    name: str
    developer_name: str = Field(pattern=r"^[A-Za-z]\w{0,79}$")
    is_default: bool = False
    """True makes it the type of new records."""


class ConvertLead(_Operation):
    """Make an account, a contact and, unless it is not wanted, an opportunity of a lead."""

    operation: Literal["convert_lead"]
    lead: str
    converted_status: str = "Closed - Converted"
    account: str | None = None
    contact: str | None = None
    owner: str | None = None
    with_opportunity: bool = True

    def request(self) -> LeadConvert:
        return LeadConvert(
            self.lead,
            self.converted_status,
            self.account,
            self.contact,
            owner_id=self.owner,
            do_not_create_opportunity=not self.with_opportunity,
        )


Operation = Annotated[
    MergeRecords | TransferRecords | MakeRecordType | ConvertLead, Field(discriminator="operation")
]
_ADAPTER: TypeAdapter[MergeRecords | TransferRecords | MakeRecordType | ConvertLead] = TypeAdapter(Operation)


class OperationHandles:
    """Operations of the users of one org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._record_types = RecordTypes(org)
        self._dml = Dml(org)

    async def operations(self, request: Request) -> Response:
        """Merges records, converts a lead, transfers records to another owner, or makes a record
        type, as `{"operation": "merge", "object": "Account", "winner": "001...", "losers":
        ["001..."]}`.
        """
        try:
            wanted = _ADAPTER.validate_python(loads(await request.body() or b"{}"))
            return JsonResponse(self._done(self._named(wanted)))
        except ValidationError as error:
            raise ControlError(
                "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            ) from error
        except SalesforceError as error:
            raise ControlError(f"{error.code}: {error.message}") from error

    def _named(
        self, wanted: MergeRecords | TransferRecords | MakeRecordType | ConvertLead
    ) -> MergeRecords | TransferRecords | MakeRecordType | ConvertLead:
        """The operation with its object's name as the org spells it; an unknown one stays."""
        found = None if isinstance(wanted, ConvertLead) else self._org.entities.find(wanted.object)
        return wanted if found is None else wanted.model_copy(update={"object": found.name})

    def _done(self, wanted: MergeRecords | TransferRecords | MakeRecordType | ConvertLead) -> dict[str, Any]:
        match wanted:
            case MergeRecords():
                fields = self._checked(wanted.object, wanted.fields)
                merge = Merge(wanted.object, wanted.winner, wanted.losers, fields)
                with self._org.transaction(wanted.user) as tx:
                    merged = Merger(self._org, tx).merge(merge)
                return {"winner": merged.winner, "losers": merged.losers, "moved": merged.moved}
            case ConvertLead():
                with self._org.transaction(wanted.user) as tx:
                    done = LeadConverter(self._org, tx).convert(wanted.request())
                return {
                    "lead": done.lead,
                    "account": done.account,
                    "contact": done.contact,
                    "opportunity": done.opportunity,
                }
            case TransferRecords():
                return {"transferred": self._transferred(wanted)}
            case MakeRecordType():
                made = self._record_types.make(
                    wanted.object, wanted.name, wanted.developer_name, is_default=wanted.is_default
                )
                return {"id": made}

    def _checked(self, object_name: str, fields: dict[str, Any]) -> dict[str, object]:
        return self._dml.checked(self._dml.writable(object_name), fields)

    def _transferred(self, wanted: TransferRecords) -> int:
        owner = str(self._checked(wanted.object, {OWNER: wanted.owner})[OWNER])
        with self._org.transaction(wanted.user) as tx:
            transfers = Transfers(self._org, tx)
            ids = list(wanted.record_ids)
            if wanted.from_owner is not None:
                ids += transfers.owned(wanted.object, wanted.from_owner)
            return transfers.transfer(Transfer(wanted.object, owner, ids, wanted.options))
