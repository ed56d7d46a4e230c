"""One task of retention, by its kind. Every task may be done again: what is done is found."""

from collections.abc import Callable
from datetime import datetime

from activities.retention.drop_changes import drop_changes
from activities.retention.months import (
    Tell,
    archive_month,
    drop_plain_rows,
    expire_month,
    verify_month,
)
from activities.retention.refold import refold
from clients.retention.parts import RetentionParts
from schemas.security.retention import RetentionTask, TaskDone, Work

Step = Callable[[RetentionParts, RetentionTask, datetime, Tell], TaskDone]


def do_task(
    parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell = lambda _: None
) -> TaskDone:
    """Do it. Blocks. `tell` is given a key or a month after each piece of work."""
    return _STEPS[task.work](parts, task, now, tell)


def _remove(parts: RetentionParts, task: RetentionTask, now: datetime, _: Tell) -> TaskDone:
    removed = parts.removal(task.target).remove(now)
    notes = [f"first {removed.first}"] if removed.first else []
    notes += [f"kept: {', '.join(removed.reasons)}"] if removed.kept else []
    return TaskDone(
        task=task, objects=removed.objects, bytes=removed.bytes, kept=removed.kept, note="; ".join(notes)
    )


def _lifecycle(parts: RetentionParts, task: RetentionTask, _: datetime, __: Tell) -> TaskDone:
    changed = parts.lifecycle.ensure()
    return TaskDone(task=task, objects=int(changed), note="" if changed else "it was as it should be")


def _drop(parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell) -> TaskDone:
    step = drop_changes if task.target.endswith("_change") else drop_plain_rows
    return step(parts, task, now, tell)


_STEPS: dict[Work, Step] = {
    Work.REMOVE: _remove,
    Work.LIFECYCLE: _lifecycle,
    Work.ARCHIVE: archive_month,
    Work.VERIFY: verify_month,
    Work.DROP: _drop,
    Work.EXPIRE: expire_month,
    Work.REFOLD: refold,
}
