# SPDX-License-Identifier: Apache-2.0
"""The configuration: files, keys, values, and every mistake in them."""
