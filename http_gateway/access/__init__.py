"""Who may use the gateway, and at which addresses it answers."""
