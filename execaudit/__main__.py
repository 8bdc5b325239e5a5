# SPDX-License-Identifier: Apache-2.0
"""Runs the command line from a checkout: `/usr/bin/python3 -m execaudit VERB …`."""

import sys

from execaudit.cli import main

sys.exit(main())
