"""A training session: its LayerActors, who watches them, and how it survives their loss."""
