# SPDX-License-Identifier: Apache-2.0
"""`execaudit doctor`: what can be traced on this host."""
