# SPDX-License-Identifier: Apache-2.0
"""Recordings of real execs, with the exact lines that execaudit makes of them."""
