# SPDX-License-Identifier: Apache-2.0
"""Engines: two ways to get the same programs into the kernel.

An engine loads the programs and hands back descriptors of programs and maps; nothing else differs
between them. Attaching, reading and everything after is not done here.
"""
