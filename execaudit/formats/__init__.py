# SPDX-License-Identifier: Apache-2.0
"""Records in other schemas, ECS and OCSF: there and back."""
