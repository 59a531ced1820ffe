"""Which devices take part: those that answer, those that come, those that are missed."""
