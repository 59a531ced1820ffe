"""Counts the bytes of all tensors that PyTorch made and that still live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """``peak`` is the most of what was made since this was entered, in the thread that did so."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._living: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        given = {tensor.untyped_storage()._cdata for tensor in _tensors((args, kwargs))}
        for tensor in _tensors(results):
            storage = tensor.untyped_storage()
            if storage._cdata not in given:  # otherwise it is a view, or was changed in place
                self._living[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self._living = {key: kept for key, kept in self._living.items() if not kept[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._living.values()))
        return results


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor))
