"""The command `tidegate` of a next release: the present code with the workflows of
`next_workflows`.

`python -m tests.support.processes.next_release worker --role batches`
"""

from cli.main import main
from tests.support.processes.next_workflows import NEXT
from workers import roles
from workflows import WORKFLOWS


def be_the_next_release() -> None:
    """Serve the next release's workflows in this process."""
    vars(roles)["WORKFLOWS"] = [NEXT.get(each, each) for each in WORKFLOWS]
    vars(roles)["PASSED_THROUGH"] = (*roles.PASSED_THROUGH, "tests")


if __name__ == "__main__":
    be_the_next_release()
    main()
