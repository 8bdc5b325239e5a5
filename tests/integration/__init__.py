# SPDX-License-Identifier: Apache-2.0
"""Tests on the real kernel: what execaudit says about an exec against what the kernel says."""

import pytest

# Modules that assert, but hold no tests: without this a failure would not say what differs.
pytest.register_assert_rewrite("tests.integration.comparing", "tests.integration.tracing")
