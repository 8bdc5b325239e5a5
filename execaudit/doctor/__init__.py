# SPDX-License-Identifier: Apache-2.0
"""`execaudit doctor`: whether this host can be traced."""
