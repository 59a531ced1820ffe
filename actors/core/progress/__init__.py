"""Where a session is: its length, what it recorded, and its snapshots."""
