"""The fleet: many orgs, each asked by its own API, which the command and the console share."""

from workers.fleet.look import FleetLook
from workers.fleet.members import fleet_members

__all__ = ["FleetLook", "fleet_members"]
