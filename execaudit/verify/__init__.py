# SPDX-License-Identifier: Apache-2.0
"""`execaudit verify`: says which parts of a log can be trusted (docs/evidence.md)."""
