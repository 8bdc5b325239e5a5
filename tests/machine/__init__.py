# SPDX-License-Identifier: Apache-2.0
"""Machine tests: the project under kernels other than this machine's own."""
