# SPDX-License-Identifier: Apache-2.0
"""Seals, which show if a log was altered afterwards (docs/evidence.md)."""
