# SPDX-License-Identifier: Apache-2.0
"""Check the language of documents, messages, docstrings and comments (part of `./dev lint`)."""
