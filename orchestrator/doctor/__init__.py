"""Is the cluster fit to train? Looks at every node, judges what it saw, names the remedies."""
