"""Data sets in Ray's object store, and how a job knows its own again."""
