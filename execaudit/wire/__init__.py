# SPDX-License-Identifier: Apache-2.0
"""What the kernel side writes: its layout, taken apart and put together, recorded."""
