# SPDX-License-Identifier: Apache-2.0
"""A long run of all that happens to the daemon in the field, with sums that must be exact."""
