# SPDX-License-Identifier: Apache-2.0
"""Records as lines of a table, for tracing and for looking back."""
