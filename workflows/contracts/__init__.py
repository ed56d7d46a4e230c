"""One row an activity, in the module of its capability: the only place where name, types, queue and
limits meet.
"""
