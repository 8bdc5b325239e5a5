# SPDX-License-Identifier: Apache-2.0
"""Questions to what was logged: search, and what else looks back."""
