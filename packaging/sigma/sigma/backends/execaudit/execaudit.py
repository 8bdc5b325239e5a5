# SPDX-License-Identifier: Apache-2.0
"""Converts parsed Sigma rules to rules of execaudit.

Owns how conditions combine. A condition is a table as rules.d has it: fields, `all`, `any`, `not`.
"""

import re
from typing import Any, ClassVar

from sigma.conversion.base import Backend
from sigma.pipelines.execaudit.execaudit import FIELDS
from sigma.rule import SigmaRule
from sigma.types import SigmaString

from .patterns import program_name, refuse, regex_pattern, text_pattern
from .toml import printable, render_comment, render_member, render_value

_SEVERITIES = {
    "INFORMATIONAL": "info",
    "LOW": "notice",
    "MEDIUM": "warning",
    "HIGH": "err",
    "CRITICAL": "crit",
}
_IMAGES = {
    "image": ("exe", "filename", "script"),
    "parent.image": ("parent.exe", "parent.filename"),
}
"""Sigma's image may be any of these fields: the target of a link, the link, or a script."""

_TECHNIQUE = re.compile(r"t\d{4}(?:\.\d{3})?")
_MOST_NAME = 100
_HEADER = """\
# Written by pysigma-backend-execaudit. `execaudit check` says whether all is well.

"""

Table = dict[str, Any]


def _refusal(what: str) -> Any:
    def refuse_condition(*_: Any, **__: Any) -> Any:
        raise refuse(what)

    return refuse_condition


_CORRELATION = _refusal("a correlation of several events")


class ExecauditBackend(Backend):
    """Writes a file of rules.d."""

    name: ClassVar[str] = "execaudit"
    identifier: ClassVar[str] = "execaudit"
    formats: ClassVar[dict[str, str]] = {"default": "Rules of execaudit, a file for rules.d"}
    requires_pipeline: ClassVar[bool] = True
    correlation_methods: ClassVar[dict[str, str] | None] = None

    def convert_condition_or(self, cond: Any, state: Any) -> Table:
        """Return a table; values of one field become a list."""
        parts = [self.convert_condition(part, state) for part in cond.args]
        merged: list[Table] = []
        values: Table = {}
        for part in (each for joined in parts for each in _alternatives(joined)):
            ((key, value),) = part.items() if len(part) == 1 else (("", None),)
            if key in ("", "all", "not"):
                merged.append(part)
            elif key in values:
                values[key][key] = [*_as_list(values[key][key]), *_as_list(value)]
            else:
                values[key] = {key: value}
                merged.append(values[key])
        return merged[0] if len(merged) == 1 else {"any": merged}

    def convert_condition_and(self, cond: Any, state: Any) -> Table:
        """Return a table; conditions on different fields become its members."""
        parts = [self.convert_condition(part, state) for part in cond.args]
        table: Table = {}
        others: list[Table] = []
        for part in (each for joined in parts for each in _conjuncts(joined)):
            if table.keys().isdisjoint(part):
                table |= part
            else:
                others.append(part)
        return {**table, "all": others} if others else table

    def convert_condition_not(self, cond: Any, state: Any) -> Table:
        """Return the opposite."""
        return {"not": self.convert_condition(cond.args[0], state)}

    def convert_condition_field_eq_val(self, cond: Any, state: Any) -> Table:
        """Return a condition on a field; refuse a field that no pipeline has mapped."""
        if cond.field not in FIELDS.values():
            raise refuse(
                f"the field {cond.field}, which no pipeline mapped: expected -p execaudit, in a "
                "directory without a folder of that name, which sigma takes for the pipeline"
            )
        table: Table = super().convert_condition_field_eq_val(cond, state)
        return table

    def convert_condition_field_eq_val_str(self, cond: Any, state: Any) -> Table:
        """Return a condition on a text."""
        return self._text(cond, is_cased=False)

    def convert_condition_field_eq_val_str_case_sensitive(self, cond: Any, state: Any) -> Table:
        """Return a condition on a text in its exact case."""
        return self._text(cond, is_cased=True)

    def _text(self, cond: Any, *, is_cased: bool) -> Table:
        if cond.field == "uid":
            raise refuse("a text where LogonId is a number")
        if cond.field == "image":
            name = program_name(cond.value)
            if name is not None:
                plain = SigmaString(name, escape=False)
                return {"program": text_pattern(plain, "program", is_cased=is_cased)}
        return _of_fields(
            cond.field, lambda field: text_pattern(cond.value, field, is_cased=is_cased)
        )

    def convert_condition_field_eq_val_re(self, cond: Any, state: Any) -> Table:
        """Return a condition that searches a text for a regular expression."""
        return _of_fields(cond.field, lambda _: regex_pattern(cond.value))

    def convert_condition_field_eq_val_num(self, cond: Any, state: Any) -> Table:
        """Return a condition on a number, or on a text of digits."""
        number = cond.value.number
        if cond.field == "uid":
            if not isinstance(number, int) or number < 0:
                raise refuse(f"a LogonId of {number}")
            return {"uid": number}
        return _of_fields(cond.field, lambda _: {"exact": str(number)})

    def convert_condition_field_eq_val_null(self, cond: Any, state: Any) -> Table:
        """Refuse: no field of a record is null."""
        raise refuse(f"null for {cond.field}, which every record has")

    def finalize_query_default(self, rule: SigmaRule, query: Table, index: int, state: Any) -> str:
        """Return the rule in TOML."""
        number = f" ({index + 1})" if len(rule.detection.parsed_condition) > 1 else ""
        lines = [render_comment(f"Sigma rule {rule.id}" if rule.id else "Sigma rule")]
        lines += [render_comment(f"False positives: {each}") for each in rule.falsepositives]
        lines.append("[[rule]]\n")
        title = printable(rule.title).strip()[: _MOST_NAME - len(number)].strip()
        lines.append(render_member("name", title + number))
        lines.append(render_member("action", "label"))
        labels = ["sigma", *([f"sigma:{rule.id}"] if rule.id else [])]
        lines.append(f"labels = {render_value(labels)}\n")
        techniques = _techniques(rule)
        if techniques:
            lines.append(f"technique = {render_value(techniques)}\n")
        if rule.level is not None:
            lines.append(render_member("severity", _SEVERITIES[rule.level.name]))
        lines.append(render_member("result", "success"))
        lines += [render_member(key, value) for key, value in query.items()]
        return "".join(lines)

    def finalize_output_default(self, queries: list[str]) -> str:
        """Return the file."""
        return _HEADER + "\n".join(queries)

    def convert_correlation_rule(self, rule: Any, *_: Any, **__: Any) -> Any:
        """Refuse: a rule of execaudit looks at one record."""
        error = refuse("a correlation of several events")
        if not self.collect_errors:
            raise error
        self.errors.append((rule, error))
        return []

    # What execaudit cannot ask for.
    convert_condition_as_in_expression = _refusal("a list expression")
    convert_condition_field_eq_val_timestamp_part = _refusal("a part of a time")
    convert_condition_field_eq_val_bool = _refusal("true or false as the value of a text")
    convert_condition_field_eq_val_cidr = _refusal("a network")
    convert_condition_field_compare_op_val = _refusal("a comparison of numbers")
    convert_condition_field_eq_field = _refusal("a comparison with another field")
    convert_condition_field_exists = _refusal("|exists")
    convert_condition_field_not_exists = _refusal("|exists")
    convert_condition_field_eq_query_expr = _refusal("a query of another language")
    convert_condition_val_str = _refusal("a keyword without a field")
    convert_condition_val_num = _refusal("a keyword without a field")
    convert_condition_val_re = _refusal("a keyword without a field")
    convert_condition_query_expr = _refusal("a query of another language")
    convert_correlation_event_count_rule = _CORRELATION
    convert_correlation_extended_temporal_ordered_rule = _CORRELATION
    convert_correlation_extended_temporal_rule = _CORRELATION
    convert_correlation_temporal_ordered_rule = _CORRELATION
    convert_correlation_temporal_rule = _CORRELATION
    convert_correlation_value_avg_rule = _CORRELATION
    convert_correlation_value_count_rule = _CORRELATION
    convert_correlation_value_median_rule = _CORRELATION
    convert_correlation_value_percentile_rule = _CORRELATION
    convert_correlation_value_sum_rule = _CORRELATION


def _of_fields(field: str, make: Any) -> Table:
    fields = _IMAGES.get(field, (field,))
    tables = [{name: make(name)} for name in fields]
    return tables[0] if len(tables) == 1 else {"any": tables}


def _alternatives(table: Table) -> list[Table]:
    return table["any"] if table.keys() == {"any"} else [table]


def _conjuncts(table: Table) -> list[Table]:
    """Return parts; all must hold."""
    parts = [{key: value} for key, value in table.items() if key != "all"]
    return parts + [each for part in table.get("all", ()) for each in _conjuncts(part)]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _techniques(rule: SigmaRule) -> list[str]:
    names = [tag.name for tag in rule.tags if tag.namespace == "attack"]
    return [name.upper() for name in names if _TECHNIQUE.fullmatch(name)]
