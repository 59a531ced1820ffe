"""Rows of a data set, as a session asks for them."""
