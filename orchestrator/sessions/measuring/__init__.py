"""How fast devices and links are, measured before a plan is made."""
