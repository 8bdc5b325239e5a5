# SPDX-License-Identifier: Apache-2.0
"""The baseline: what this host has run before (docs/baseline.md)."""
