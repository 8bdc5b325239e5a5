# SPDX-License-Identifier: Apache-2.0
"""Trials of a sealed log: what happens without anybody's ill will is not called altered."""
