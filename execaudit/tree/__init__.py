# SPDX-License-Identifier: Apache-2.0
"""`execaudit tree`: what a process, a session, a unit or a container started, or what led to it."""
