# SPDX-License-Identifier: Apache-2.0
"""Reads back what the daemon wrote: the log with its rotated files, the journal, a pipe."""
