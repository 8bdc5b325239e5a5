# SPDX-License-Identifier: Apache-2.0
"""Records: the one vocabulary, and the JSON lines and journal entries made of it."""
