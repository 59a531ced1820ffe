"""The model that a job asks for, and the one that it has trained."""
