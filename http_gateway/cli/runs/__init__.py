"""Commands on what jobs have come to: export, clone, compare."""
