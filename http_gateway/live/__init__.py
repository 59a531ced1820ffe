"""The log as it happens: one reader of the JobManager for all who listen."""
