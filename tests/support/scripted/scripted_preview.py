"""A dry run that looks at nothing: each writeback would change one field from `before`."""

from dataclasses import dataclass, field

import orjson
from temporalio import activity

from clients.storage.objects import ObjectStore
from schemas import names
from schemas.ids import preview_result_key
from schemas.writeback.preview import (
    FieldDifference,
    Preview,
    Previewed,
    PreviewEffect,
    PreviewInput,
    WouldBe,
)


@dataclass
class ScriptedPreview:
    """The activity under the name of the real one."""

    store: ObjectStore | None = None
    """None: nothing is put anywhere."""
    seen: list[str] = field(default_factory=list)
    """Rows, as they lay in the store."""

    @activity.defn(name=names.PREVIEW_WRITEBACKS)
    async def preview_writebacks(self, request: PreviewInput) -> Previewed:
        key = preview_result_key(request.key)
        if self.store is not None:
            body = self.store.get(request.key)
            self.seen.append(body.decode())
            found = [
                WouldBe(
                    index=row["index"],
                    object=row["object"],
                    key=row["key"],
                    effect=PreviewEffect.UPDATE,
                    differences=(FieldDifference(field="Subject", now="before", then="after"),),
                )
                for row in orjson.loads(body)
            ]
            answer = Preview(writebacks=tuple(found), refused=(), costs=(), calls=1)
            self.store.put(key, answer.model_dump_json().encode())
        return Previewed(key=key)
