"""The pure core of the numeric work: no Ray, no Flask, no environment."""
