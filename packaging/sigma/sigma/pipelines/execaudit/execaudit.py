# SPDX-License-Identifier: Apache-2.0
"""Maps Sigma's names of fields to execaudit's, for process creation on Linux.

Owns the mapping, and refuses rules about other events and fields.
"""

from sigma.processing.conditions import IncludeFieldCondition, LogsourceCondition
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import (
    DetectionItemFailureTransformation,
    FieldMappingTransformation,
    RuleFailureTransformation,
)

FIELDS: dict[str | None, str | list[str]] = {
    "Image": "image",
    "CommandLine": "cmdline",
    "ParentImage": "parent.image",
    "ParentCommandLine": "parent.cmdline",
    "CurrentDirectory": "cwd",
    "User": "user",
    "LogonId": "uid",
}
"""`image` and `parent.image` are several fields of a record; the backend says which."""


def execaudit_pipeline() -> ProcessingPipeline:
    """Return the pipeline."""
    return ProcessingPipeline(
        name="execaudit: process creation on Linux",
        priority=20,
        allowed_backends=frozenset({"execaudit"}),
        items=[
            ProcessingItem(
                RuleFailureTransformation(
                    "execaudit records execs on Linux: expected logsource process_creation, linux"
                ),
                rule_condition_negation=True,
                rule_conditions=[LogsourceCondition(category="process_creation", product="linux")],
            ),
            ProcessingItem(
                DetectionItemFailureTransformation(
                    "a field that records of execaudit do not have, expected one of "
                    + ", ".join(map(str, FIELDS))
                ),
                field_name_condition_negation=True,
                field_name_conditions=[IncludeFieldCondition(fields=list(map(str, FIELDS)))],
            ),
            ProcessingItem(FieldMappingTransformation(dict(FIELDS))),
        ],
    )
