# SPDX-License-Identifier: Apache-2.0
"""The plugin as pySigma finds it."""

from .execaudit import ExecauditBackend

backends = {"execaudit": ExecauditBackend}
