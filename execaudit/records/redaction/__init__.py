# SPDX-License-Identifier: Apache-2.0
"""What is a secret in a command, and where it begins and ends."""
