"""Erasures: whose values go, and the messages of their road."""
