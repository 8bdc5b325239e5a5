# SPDX-License-Identifier: Apache-2.0
"""`execaudit trace`: execs as they happen."""
