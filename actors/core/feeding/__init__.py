"""The rows of a data set, in the order in which a session needs them."""
