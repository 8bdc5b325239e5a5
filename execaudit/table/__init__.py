# SPDX-License-Identifier: Apache-2.0
"""Records as lines of a table, for those who trace and those who look back."""
