# SPDX-License-Identifier: Apache-2.0
"""Audit log of every program execution on a Linux host, traced with eBPF."""

__version__ = "0.1.0"
