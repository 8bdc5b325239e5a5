# SPDX-License-Identifier: Apache-2.0
"""Records in other schemas than our own: ECS and OCSF, and the way to them and back."""
