"""Transforms of images as data: what is done with a sample each time that it is used."""
