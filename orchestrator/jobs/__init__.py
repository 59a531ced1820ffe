"""What a job is: what was asked of it, where it stands, and what can be read of it."""
