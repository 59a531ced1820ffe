"""Files of one's own turned into arrays: what the kinds of formats have in common."""
