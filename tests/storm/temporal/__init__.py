"""Temporal in a schedule: the SDK's own workflow runtime, driven by a server of our own.

Workflows run in the SDK's `WorkflowInstance`, activation by activation, as a worker runs them:
signals, updates, timers, cancellation, continue-as-new, patches and replays are its own code.
The server's part (histories, timers, task queues, retries, timeouts, heartbeats) is here, on the
schedule's loop.
"""
