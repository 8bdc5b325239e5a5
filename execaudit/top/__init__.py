# SPDX-License-Identifier: Apache-2.0
"""`execaudit top`: the last minute, alive."""
