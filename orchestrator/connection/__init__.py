"""How this host reaches a Ray cluster, and what Ray's errors mean."""
