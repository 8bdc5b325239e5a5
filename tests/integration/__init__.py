# SPDX-License-Identifier: Apache-2.0
"""Tests on the real kernel: what execaudit says about an exec against what the kernel says."""
