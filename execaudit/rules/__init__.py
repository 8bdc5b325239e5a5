# SPDX-License-Identifier: Apache-2.0
"""Rules: read, checked, compiled, and what they decide."""
