"""One module a task; importing this fills the registry."""

from actors.core.tasks.kinds import (  # noqa: F401
    binary,
    classification,
    multilabel,
    next_token,
    regression,
)
