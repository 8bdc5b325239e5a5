# SPDX-License-Identifier: Apache-2.0
"""`execaudit report`: a period at a glance, of one host or of many."""
