"""Plans whose schedules once broke a law. A plan is kept, and not its seed alone: an act that is
added changes what a seed draws.
"""

from tests.storm.plan import Act, Plan

LOST_BEGINNING = Plan(
    47,
    (
        Act(0.0, "second", 551),
        Act(3.95, "create", 577, 0.8895821275309141),
        Act(5.09, "update", 934, 0.733024232037379),
        Act(6.13, "write", 194, 0.3765364097832694),
        Act(6.64, "again", 149, 0.34141847036356243),
        Act(6.83, "many", 310, 0.9137671452529847),
        Act(7.72, "write", 765, 0.5504030453417397),
        Act(7.92, "freeze", 157, 16.6),
        Act(11.02, "create", 336, 0.683992943846825),
        Act(11.98, "write", 272, 0.014259738720871606),
        Act(13.17, "update", 261, 0.813220925254075),
        Act(13.58, "update", 399, 0.15662949573799756),
        Act(13.72, "update", 167, 0.3731776986937809),
        Act(20.3, "delete", 309, 0.4313400431413562),
        Act(22.17, "clock", 298, 1.0),
        Act(23.58, "outage", 812, 35.7),
        Act(24.09, "write", 961, 0.103233845154166),
        Act(25.4, "create", 282, 0.5322945669337154),
        Act(26.49, "write", 801, 0.09256012390911139),
        Act(27.09, "create", 243, 0.0098114797256601),
        Act(28.6, "update", 167, 0.63861835130834),
    ),
)
"""A lane that had landed nothing did not notice that the bus had forgotten events."""
SET_BACK = Plan(
    48,
    (
        Act(0.0, "half", 551),
        Act(0.0, "second", 824),
        Act(4.46, "create", 479, 0.9539957499258157),
        Act(4.95, "write", 130, 0.5199829252124063),
        Act(5.7, "create", 612, 0.9504995905366302),
        Act(7.58, "update", 721, 0.4259424241526738),
        Act(10.01, "look", 0),
        Act(10.43, "again", 709, 0.3831646691116438),
        Act(14.63, "update", 108, 0.8952371198715583),
        Act(16.16, "create", 429, 0.8690650722248668),
        Act(17.56, "clock", 621, 35.9),
        Act(18.36, "create", 640, 0.10897244092506164),
        Act(22.87, "update", 358, 0.7923078592453507),
        Act(23.56, "create", 449, 0.7124861365708257),
        Act(25.51, "create", 809, 0.36673195342904863),
        Act(29.62, "create", 561, 0.7743659360185727),
    ),
)
"""A clock that was set back held up a batch."""
FOUND = (LOST_BEGINNING, SET_BACK)
