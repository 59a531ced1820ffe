"""Commands about data sets: looked at, uploaded, listed, deleted."""
