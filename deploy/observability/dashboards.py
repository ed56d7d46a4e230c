"""Write Grafana's dashboards from the boards beside this file: `python -m
deploy.observability.dashboards`.

Needs grafana-foundation-sdk, which `requirements.lock` beside this file pins, in an environment
of its own: `make dashboards`.
"""

import sys
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from deploy.observability.engine_boards import LANES, OVERVIEW
from deploy.observability.org_boards import BUDGETS, WRITEBACKS
from deploy.observability.panels import Board, Panel
from deploy.observability.process_board import WORKERS
from deploy.observability.webhook_board import WEBHOOKS

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = (OVERVIEW, LANES, WRITEBACKS, WEBHOOKS, BUDGETS, WORKERS)
_SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")


def built(panel: Panel) -> stat.Panel | timeseries.Panel:
    """Grafana's panel."""
    made = (stat.Panel() if panel.is_value else timeseries.Panel()).title(panel.title)
    made = made.description(panel.about).unit(panel.unit).datasource(_SOURCE)
    made = made.span(6 if panel.is_value else 12).height(4 if panel.is_value else 8)
    for place, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + place))
        made = made.with_target(target.legend_format(query.legend or "__auto"))
    return made


def page(board: Board) -> str:
    """The JSON of a dashboard."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .tags(["tidegate"])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("utc")
        .readonly()
        .with_variable(dashboard.DatasourceVariable("source").label("Data source").type("prometheus"))
    )
    for panel in board.panels:
        made = made.with_panel(built(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def main() -> None:
    """Write a file a dashboard, into the folder that is named or the one beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(exist_ok=True)
    for board in BOARDS:
        (folder / f"{board.uid}.json").write_text(page(board))


if __name__ == "__main__":
    main()
