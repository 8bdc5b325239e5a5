# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the shippers' tests: those of the integration tests."""

from tests.integration.conftest import (
    place,
    programs,
    schemas,
    schemas_at_the_end,
    workplace,
)

__all__ = ["place", "programs", "schemas", "schemas_at_the_end", "workplace"]
