"""Plans whose schedules broke a law while the engine had a fault. A plan is kept, cut down to what
breaks the law with no fault at a boundary: an act or a transaction that is added changes what a
seed draws, and the schedule shows nothing any more.
"""

from tests.storm.plan import Act, Plan

SET_BACK = Plan(2, (Act(2.0, "clock", 3, 30.0), Act(28.5, "create", 0, 0.5), Act(29.2, "create", 1, 0.5)))
"""A clock that was set back held up a batch."""
AHEAD = Plan(
    292,
    (
        Act(5.08, "freeze", 133, 23.9),
        Act(16.87, "write", 553, 0.938),
        Act(18.58, "clock", 801, 17.5),
        Act(25.94, "write", 511, 0.3559),
    ),
)
"""A write by a process whose clock was twelve minutes ahead held up the record's next one."""
ASKED_AHEAD = Plan(
    2313, (Act(0.0, "before", 373, 0.0), Act(3.33, "clock", 897, 35.8), Act(8.97, "update", 700, 0.0))
)
"""A record that was asked for by a clock that was ahead was not read again before that time."""
FOUND = (SET_BACK, AHEAD, ASKED_AHEAD)
