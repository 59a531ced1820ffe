"""What the stages of a pipeline did when, as a timeline of some steps."""
