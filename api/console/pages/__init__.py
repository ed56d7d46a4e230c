"""The console's pages: one file each, and what each shows."""

from starlette.routing import Route

from api.console.live import page
from api.console.pages.overview import overview

PAGES: tuple[Route, ...] = (page("", overview, every=3.0),)
