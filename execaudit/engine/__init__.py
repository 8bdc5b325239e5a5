# SPDX-License-Identifier: Apache-2.0
"""Engines: two ways of loading the same programs into the kernel, and the choice between them.

An engine loads the programs and returns descriptors of programs and maps; nothing else differs
between the two. Reading events is not done here.
"""
