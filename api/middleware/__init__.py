"""Layers around every route: authentication, body limit and request id."""
