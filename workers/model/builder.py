"""The reporting model from settings."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from clients.model.builder import ModelBuilder
from schemas.catalogue import Catalogue
from workers.addresses import warehouse_address
from workers.clients import decided_catalogue, open_warehouse
from workers.settings import Settings


def model_builder(settings: Settings, catalogue: Catalogue) -> ModelBuilder:
    """The builder over a catalogue that somebody holds open."""
    return ModelBuilder(settings.model, settings.warehouse, warehouse_address(settings.warehouse), catalogue)


@contextmanager
def opened_model(settings: Settings) -> Iterator[ModelBuilder]:
    """The builder for a command, with a connection of its own."""
    with closing(open_warehouse(settings)) as warehouse:
        yield model_builder(settings, decided_catalogue(settings, warehouse))
