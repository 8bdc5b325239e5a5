# SPDX-License-Identifier: Apache-2.0
"""Searches what was logged, and serves the other verbs that look back."""
