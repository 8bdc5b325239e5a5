# SPDX-License-Identifier: Apache-2.0
"""The handover: what a process leaves for the next one, and how that one goes on with it."""
