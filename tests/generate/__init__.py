# SPDX-License-Identifier: Apache-2.0
"""What is made from the code's tables: schemas, parts of documents, files for other systems."""
