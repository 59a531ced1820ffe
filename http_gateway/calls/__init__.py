"""Calls of the JobManager, and the gateway's own work for them."""
