# SPDX-License-Identifier: Apache-2.0
"""The plugin as pySigma finds it: the pipeline `execaudit`."""

from .execaudit import execaudit_pipeline

__all__ = ["execaudit_pipeline"]
