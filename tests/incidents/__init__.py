"""Incidents that are caused on a running engine: the look names the cause, the runbook's command
ends it, and the look is clean again.
"""
