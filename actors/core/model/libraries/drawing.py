"""The weights that a plain model's constructor draws, without the memory of the whole model.

The constructor runs as it is, with its own operations in their own order. Only the memory differs:
a large tensor that is not wanted has some while the constructor is busy with it, and none before
and after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from actors.core.model.randomness import GENERATOR

Construct = Callable[[], nn.Module]
_EMPTY = torch.ops.aten.empty.memory_format
_OVERWRITE = {"fill_", "zero_", "normal_", "uniform_", "copy_"}


def meta_model(construct: Construct) -> nn.Module:
    """The model on the meta device; nothing is drawn."""
    return _outline(construct)[0].to("meta")


def draw_state(construct: Construct, names: Collection[str]) -> dict[str, torch.Tensor]:
    """The parameters and buffers of these names, drawn by PyTorch's generator as it is now; that is
    left where the constructor leaves it."""
    _, places = _outline(construct)
    with _Passing({places[name] for name in names if name in places}):
        state = construct().state_dict()
    return {name: state[name] for name in names}


def _outline(construct: Construct) -> tuple[nn.Module, dict[str, int]]:
    """The model without memory for what it draws, and of what it draws how many tensors were made
    before."""
    with GENERATOR, torch.random.fork_rng(devices=[]), _Outlined() as outlined:
        model = construct()
    order = {id(tensor): place for place, tensor in enumerate(outlined.made)}
    state = model.state_dict(keep_vars=True)
    made = {id(t): n for n, t in state.items()}
    assert len(made) == len(state), "a tensor with two names can't be cut"
    by_memory = {t.untyped_storage()._cdata: order[id(t)] for t in outlined.made}
    places = {n: by_memory.get(t.untyped_storage()._cdata) for n, t in state.items()}
    return model, {name: place for name, place in places.items() if place is not None}


class _Outlined(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes empty tensors on the meta device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: list[torch.Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is not _EMPTY:
            return func(*args, **kwargs)
        self.made.append(func(*args, **{**kwargs, "device": torch.device("meta")}))
        return self.made[-1]


class _Passing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Gives empty tensors that are not ``kept`` their memory for as long as they are in use."""

    def __init__(self, kept: Collection[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kept = kept
        self._num_made = 0
        self._bytes: dict[int, int] = {}
        """Bytes of tensors that are not kept, by storage."""
        self._alive: list[torch.UntypedStorage] = []
        self._in_use: torch.UntypedStorage | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is _EMPTY:
            return self._empty(func, args, kwargs)
        if not func.is_view:
            given = tree_leaves((args, kwargs))
            for index, tensor in enumerate(given):
                if isinstance(tensor, torch.Tensor):
                    overwritten = index == 0 and func._overloadpacket.__name__ in _OVERWRITE
                    self._use(tensor, overwritten)
        return func(*args, **kwargs)

    def _empty(self, func: Any, args: Any, kwargs: Any) -> Any:
        made = func(*args, **kwargs)
        if self._num_made not in self._kept:
            storage = made.untyped_storage()
            self._bytes[storage._cdata] = storage.nbytes()
            self._alive.append(storage)  # so that no other gets its place
            storage.resize_(0)
        self._num_made += 1
        return made

    def _use(self, tensor: torch.Tensor, overwritten: bool) -> None:
        storage = tensor.untyped_storage()
        num_bytes = self._bytes.get(storage._cdata)
        if num_bytes is None or storage.nbytes() == num_bytes:
            return
        assert overwritten, "this model's constructor reads again what it has drawn before"
        if self._in_use is not None:
            self._in_use.resize_(0)
        storage.resize_(num_bytes)
        self._in_use = storage
