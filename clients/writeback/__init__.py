"""The store of writebacks, in the operational store: what was accepted, where it stands, every
attempt, and who was asked.
"""
