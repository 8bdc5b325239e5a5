# SPDX-License-Identifier: Apache-2.0
"""Measurements against the other exec tracers, side by side in one run."""
