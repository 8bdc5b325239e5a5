# SPDX-License-Identifier: Apache-2.0
"""What is made from the vocabulary: schemas, tables of documents, files for other systems."""
