"""Every act of the console, by what it is about."""

from starlette.routing import Route

from api.console.acts import act_routes
from api.console.acts_of.flow import FLOW_ACTS
from api.console.acts_of.quality import QUALITY_ACTS
from api.console.acts_of.writebacks import WRITEBACK_ACTS

ACTS = (*FLOW_ACTS, *WRITEBACK_ACTS, *QUALITY_ACTS)
ACT_ROUTES: tuple[Route, ...] = act_routes(ACTS)
