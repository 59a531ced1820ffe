"""The optimisers, by what ``torch.optim`` calls them."""

from actors.core.recipe.optimizers import adagrad, adam, rmsprop, sgd

__all__ = ["adagrad", "adam", "rmsprop", "sgd"]
