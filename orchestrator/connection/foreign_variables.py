"""Environment variables of other tools that Ray, Python or their libraries obey here, too.

Their values are never shown: some are secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Those that Tandem gives to Ray itself, and that every tool sets without harm.
HARMLESS = frozenset(
    {
        "RAY_AUTH_MODE",
        "RAY_AUTH_TOKEN_PATH",
        "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
        "RAY_NUM_REDIS_GET_RETRIES",
        "RAY_USAGE_STATS_ENABLED",
    }
)
FOREIGN = re.compile(
    r"RAY_\w+|GRPC_\w+|PYTHONPATH|PYTHONHOME|LD_PRELOAD|LD_LIBRARY_PATH|OMP_NUM_THREADS"
    r"|(HTTP|HTTPS|ALL|GRPC)_PROXY"
)


def foreign(environ: Mapping[str, str]) -> list[str]:
    """The names of those that are set, in order."""
    names = (name for name, value in environ.items() if value and FOREIGN.fullmatch(name.upper()))
    return sorted(name for name in names if name not in HARMLESS)


def may_be_the_cause(environ: Mapping[str, str]) -> str:
    """A sentence to add to an error whose cause is not known; empty if no such variable is set."""
    names = foreign(environ)
    if not names:
        return ""
    return (
        f". Ray and its libraries obey these variables, which are set here: {', '.join(names)}. "
        "If they are meant for something else, try again without them (env -u NAME …)"
    )
