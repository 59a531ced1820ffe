"""The loop of one stage: what it is given, asked and tells, and how it trains."""
