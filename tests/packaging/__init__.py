# SPDX-License-Identifier: Apache-2.0
"""Packages, as built from this checkout: their content, and whether two builds are the same."""
