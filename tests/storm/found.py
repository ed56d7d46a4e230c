"""Plans whose schedules broke a law while the engine had a fault. A plan is kept, cut down to what
breaks the law with no fault at a boundary: an act or a transaction that is added changes what a
seed draws, and the schedule shows nothing any more.
"""

from tests.storm.plan import Act, Plan

SET_BACK = Plan(2, (Act(2.0, "clock", 3, 30.0), Act(28.5, "create", 0, 0.5), Act(29.2, "create", 1, 0.5)))
"""A clock that was set back held up a batch."""
FOUND = (SET_BACK,)
