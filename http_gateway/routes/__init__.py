"""One blueprint a noun; each function is one call of the JobClient."""
