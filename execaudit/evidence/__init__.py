# SPDX-License-Identifier: Apache-2.0
"""Sealing: what makes a log that was altered afterwards recognizable (docs/evidence.md)."""
