"""The reporting model from settings: its builder, and the schedule of its builds."""
