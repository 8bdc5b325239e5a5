# SPDX-License-Identifier: Apache-2.0
"""The self-check: are execs seen, and what is done where they are not."""
