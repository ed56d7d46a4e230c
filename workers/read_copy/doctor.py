"""`tidegate doctor` over the warehouse and its read copy."""

from clients.doctor.warehouse import WarehouseAddress, examine_warehouse
from schemas.catalogue import Catalogue
from schemas.doctor import CheckResult
from workers.addresses import read_copy_address
from workers.settings import Settings


def examine_with_copy(
    settings: Settings, warehouse: WarehouseAddress, catalogue: Catalogue | None
) -> list[CheckResult]:
    """Every finding about the warehouse, then those about its copy, as about a PostgreSQL
    warehouse. `catalogue` None: it cannot be read. Blocks.
    """
    found = examine_warehouse(warehouse, catalogue)
    if settings.read_copy is None:
        return found
    beside = WarehouseAddress("postgres", read_copy_address(settings.read_copy))
    return [*found, *map(_of_copy, examine_warehouse(beside, catalogue))]


def _of_copy(found: CheckResult) -> CheckResult:
    where = f"the read copy, {found.where}" if found.where else "the read copy"
    remedy = found.remedy.replace("TIDEGATE_WAREHOUSE__", "TIDEGATE_READ_COPY__")
    return found.model_copy(update={"where": where, "remedy": remedy})
