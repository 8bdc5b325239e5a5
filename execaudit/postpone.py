# SPDX-License-Identifier: Apache-2.0
"""Modules that others import and never use: loaded when something of them is used, if ever.

Owns which these are, and what stands in for them. A daemon that runs for years would keep a MiB of
code for them, and each start waits for it. importlib.util.LazyLoader does not do: the next `import`
of what it gave looks at its `__spec__`, which loads it.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

UNUSED = (
    "inspect",  # by dataclasses, for docstrings, which all of ours have
    "bz2",  # by shutil, to see whether it is there, and shutil by argparse
    "lzma",
    "selectors",  # by socket, for sendfile
    "ipaddress",  # by urllib.parse, for URLs, and that by pathlib, for as_uri
)


def postpone() -> None:
    """Put something that loads it when needed in the place of each module not loaded yet."""
    for name in UNUSED:
        if name not in sys.modules:
            sys.modules[name] = _StandIn(name)


class _StandIn(ModuleType):
    """Has what the module has that it stands for."""

    def __getattr__(self, attribute: str) -> Any:
        name = self.__name__
        if sys.modules.get(name) is self:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)
