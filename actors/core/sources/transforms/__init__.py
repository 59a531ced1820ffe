"""Transforms of images, given as data. They are made each time that a sample is used."""
