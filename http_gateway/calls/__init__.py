"""Calls of the JobManager, and work that the gateway does for it."""
