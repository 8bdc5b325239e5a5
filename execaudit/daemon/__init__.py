# SPDX-License-Identifier: Apache-2.0
"""`execaudit daemon`, and the verbs that talk to it."""
