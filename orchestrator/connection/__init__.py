"""Connects this host to a Ray cluster, and explains Ray's errors."""
