# SPDX-License-Identifier: Apache-2.0
"""The kernel side: finding what this kernel has, attaching, reading what comes."""
