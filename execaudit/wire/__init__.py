# SPDX-License-Identifier: Apache-2.0
"""What the kernel side writes: its layout, and the decoder that makes Events of it."""
