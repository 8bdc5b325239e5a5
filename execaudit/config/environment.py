# SPDX-License-Identifier: Apache-2.0
"""Environment variables that are recorded unless the configuration says otherwise."""

DEFAULT_ENV = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "SSH_CONNECTION", "SUDO_USER")
