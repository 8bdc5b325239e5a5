# SPDX-License-Identifier: Apache-2.0
"""`execaudit verify`: what of a log can be trusted, and up to when (docs/evidence.md)."""
