"""How activations and gradients travel between stages.

A ``Sender`` and a ``Receiver`` are the two ends of one direction of one edge. They know messages
and their order; a ``Transport`` below them only moves bytes, and is where the kinds differ.
"""
