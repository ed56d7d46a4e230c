"""begin_rotation: the org's next data key.

The key is made before anybody uses it, and kept before it is registered. A process that dies
between leaves a key that no value is encrypted with, and the next attempt takes that one.
"""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.apply.token_keys import table_key
from activities.runtime.heartbeat import heartbeating
from clients.database.key_register import DataKeyRegister
from clients.storage.data_key import DataKeys
from clients.warehouse import Warehouse
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import WrongDataKeyError
from schemas.security.keys import BeginRotationInput, RotationPlan
from transforms.pii import Protector


@dataclass
class KeyRotation:
    """The activity and what it needs; one for a process."""

    keys: DataKeys
    register: DataKeyRegister
    warehouse: Warehouse
    catalogue: Catalogue
    protector: Protector

    @activity.defn(name=names.BEGIN_ROTATION)
    async def begin_rotation(self, request: BeginRotationInput) -> RotationPlan:
        """Make the key, or find the one that an earlier attempt has made."""
        async with heartbeating():
            return await asyncio.to_thread(self._begin, request)

    def _begin(self, request: BeginRotationInput) -> RotationPlan:
        self.catalogue.follow()
        specs = [spec for spec in self.catalogue.objects.values() if has_tokens(spec)]
        ring = self.protector.ring
        ring.refresh()
        # What was never re-encrypted is under the key of now: said before there is a newer one.
        for spec in specs:
            for each in self.warehouse.with_copy():
                with each.transaction() as transaction:
                    transaction.lock_object(spec.table)
                    table_key(transaction, spec, ring.active.id)
        if request.makes_key:
            self._make(request)
            ring.refresh()
        return RotationPlan(key_id=ring.active.id, objects=tuple(spec.name for spec in specs))

    def _make(self, request: BeginRotationInput) -> None:
        known = self.register.keys(request.org)
        if any(key.made_for == request.run for key in known):
            return
        ids = self.keys.ids()
        unregistered = sorted(set(ids) - {key.id for key in known}, key=int)
        key_id = unregistered[-1] if unregistered else str(max(map(int, ids), default=0) + 1)
        made = self.keys.make(key_id)
        kept = self.register.add(request.org, key_id, made.fingerprint, request.by, made_for=request.run)
        if kept != made.fingerprint:
            found = f"its fingerprint is {made.fingerprint}, and the register has {kept}"
            raise WrongDataKeyError(where=self.keys.place(key_id), found=found)


def has_tokens(spec: ObjectSpec) -> bool:
    """True for an object with encrypted fields."""
    return any(field.is_protected for field in spec.fields.values())
