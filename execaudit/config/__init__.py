# SPDX-License-Identifier: Apache-2.0
"""The configuration: files, keys, values, and all that can be wrong with them."""
