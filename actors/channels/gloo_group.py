"""A process group of two over gloo, torch's own point-to-point. If torch was built without gloo,
this module can't be imported.

gloo lets anyone connect. So each side draws a secret and sends it with its introduction, and the
first message in each direction must be that secret.
"""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from typing import Any

import torch
from torch.distributed import ProcessGroupGloo

from actors.channels.pair_group import SECRET_BYTES, PairGroup
from actors.core.errors import ChannelClosed

_ROUNDING_S = 0.01
"""Because gloo counts whole milliseconds."""
_SECRET_TAG, _CLOSING_TAG = 1, 2
_SOON = timedelta(milliseconds=1)
"""The shortest wait that gloo offers: zero means its own timeout of half an hour."""


class GlooGroup(PairGroup):
    """Listens until it is closed, at ``address``, an IP address of this host, and a port that the
    kernel picks. A message may be shorter than the buffer that receives it; gloo does not tell its
    length. The caller must keep what it sends until it is sent."""

    def __init__(self, rank: int, address: str, edge: str, timeout_s: float) -> None:
        self._kind: Any = ProcessGroupGloo
        self._address = address
        super().__init__(rank, edge, timeout_s)

    def wait(self, work: Any, timeout_s: float, what: str) -> None:
        """gloo closes the connection if the wait times out."""
        begin = time.monotonic()
        try:
            work.wait(max(_SOON, timedelta(seconds=timeout_s)))
        except RuntimeError as error:
            if not self._is_closed and time.monotonic() - begin >= timeout_s - _ROUNDING_S:
                raise self._timed_out(what, timeout_s) from error
            raise self._closed(error) from error

    def _create(self) -> Any:
        options = self._kind._Options()
        options._devices = [self._kind.create_device(hostname=self._address, lazy_init=False)]
        options._timeout = timedelta(seconds=self._timeout_s)
        options._threads = 1
        return self._kind(self._store, self._rank, 2, options)

    def _show_secrets(self) -> None:
        shown, secret = torch.zeros(SECRET_BYTES, dtype=torch.uint8), self._own_secret()
        sent = self.send(secret, _SECRET_TAG)
        self.wait(self.recv(shown, _SECRET_TAG), self._timeout_s, "did not come")
        self.wait(sent, self._timeout_s, "was not taken")
        self._check_secret(shown)

    def _disconnect(self) -> None:
        """gloo has no call for this, and its ``abort`` wakes no waiting thread. But a wait that
        times out closes the connection, and then all waits of both sides fail. So this waits for a
        message that never comes."""
        if self._group is not None:
            with contextlib.suppress(RuntimeError, ChannelClosed):
                self.recv(torch.empty(1, dtype=torch.uint8), _CLOSING_TAG).wait(_SOON)
