"""The dashboard and the alerts that docs/ give away: well formed, and about metrics that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml
from django.conf import settings

from streaming import metrics

DOCS = Path(settings.BASE_DIR) / "docs"
DASHBOARD = json.loads((DOCS / "grafana" / "bankportal.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((DOCS / "alerts.yaml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# What Prometheus and its library say of every process.
OTHERS = {
    "up": {"job", "instance"},
    "process_cpu_seconds_total": {"job", "instance"},
    "process_resident_memory_bytes": {"job", "instance"},
    "process_open_fds": {"job", "instance"},
    "process_max_fds": {"job", "instance"},
}


def series() -> dict[str, set[str]]:
    """Give each name that can be asked for, with its labels."""
    found = dict(OTHERS)
    for metric in vars(metrics).values():
        if not isinstance(metric, metrics.Metric):
            continue
        labels = {*metric.labels, "job", "instance"}
        if metric.kind == "histogram":
            found |= {f"{metric.name}_{end}": labels for end in ("sum", "count")}
            found[f"{metric.name}_bucket"] = labels | {"le"}
        else:
            found[metric.name] = labels
    return found


SERIES = series()


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


EXPRESSIONS = list(expressions())


def selectors(expression: object) -> Iterator[promql_parser.VectorSelector]:
    """Give what a parsed expression asks for, however deep."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
        return
    for part in parts(expression):
        yield from selectors(part)


def parts(expression: object) -> Iterator[object]:
    names = ("expr", "lhs", "rhs", "vector_selector")
    found = (getattr(expression, name, None) for name in names)
    yield from filter(None, (*found, *(getattr(expression, "args", None) or ())))


def grouped_by(expression: str) -> set[str]:
    return {
        name.strip()
        for names in re.findall(r"\bby \(([^)]*)\)", expression)
        for name in names.split(",")
    }


@pytest.mark.parametrize(
    ("where", "expression"), EXPRESSIONS, ids=[each[0] for each in EXPRESSIONS]
)
def test_an_expression_is_promql_about_metrics_and_labels_that_exist(where, expression):
    asked = list(selectors(promql_parser.parse(expression)))

    assert asked
    assert {each.name for each in asked} <= SERIES.keys()
    for each in asked:
        assert {matcher.name for matcher in each.matchers.matchers} <= SERIES[each.name]
    assert grouped_by(expression) <= set.union(*(SERIES[each.name] for each in asked))


def taken_of(expression: object, within: str = "") -> Iterator[tuple[str, str]]:
    """Give each name that is asked for, with what is taken of it over processes, if anything."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression.name, within
        return
    if isinstance(expression, promql_parser.AggregateExpr):
        within = str(expression.op)
    elif isinstance(expression, promql_parser.Call) and expression.func.name == "absent":
        within = "absent"
    for part in parts(expression):
        yield from taken_of(part, within)


def test_of_what_each_web_process_says_of_the_ledger_one_is_taken():
    ledgers = {metric.name for metric in (*metrics.OF_LEDGER, metrics.LEDGER_IS_READABLE)}

    taken = {
        (where, how)
        for where, expression in EXPRESSIONS
        for name, how in taken_of(promql_parser.parse(expression))
        if name in ledgers
    }

    assert {how for _where, how in taken} == {"max", "min", "absent"}, taken


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_is_wrong_what_to_do_and_where_to_read_on(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "remedy", "runbook"}
    assert all(text.endswith(".") for text in rule["annotations"].values())
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
    documents = re.findall(r"docs/[\w-]+\.md", " ".join(rule["annotations"].values()))
    assert all((DOCS.parent / name).exists() for name in documents)


def test_alerts_have_names_of_their_own_and_cover_what_stops_a_bank():
    names = [rule["alert"].removeprefix("Bankportal") for rule in RULES]

    assert len(names) == len(set(names))
    assert {
        *("WebMissing", "ConsumerMissing", "LagGrowing", "SubmissionsWait", "RelayBacklog"),
        *("DeadLetters", "VerificationFailed", "DiskLow", "FilesRunOut", "KafkaSilent"),
    } <= set(names)


def test_a_ledger_that_was_never_verified_is_told_of_too():
    [overdue] = [rule for rule in RULES if rule["alert"].endswith("VerificationOverdue")]

    parsed = promql_parser.parse(overdue["expr"])

    assert str(parsed.op) == "or"
    assert parsed.rhs.func.name == "absent"
    [asked] = parsed.rhs.args
    assert asked.name == metrics.VERIFIED_AT.name


def test_the_documents_rules_are_promql():
    """About what others export, so by their form alone."""
    text = (DOCS / "production.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^( *)```yaml\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    rules = [rule for _indent, block in blocks for rule in yaml.safe_load(block)]

    assert [rule["alert"] for rule in rules] == ["DatabaseOrKafkaDiskLow"]
    assert all(list(selectors(promql_parser.parse(rule["expr"]))) for rule in rules)


def test_the_dashboard_can_be_imported_beside_any_prometheus():
    [variable] = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == (
        *("datasource", "datasource"),
        "prometheus",
    )
    for panel in PANELS:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(each == {"type": "prometheus", "uid": "${datasource}"} for each in sources)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert "__inputs" not in DASHBOARD


def test_panels_lie_beside_each_other_on_the_dashboards_24_columns():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _y in cells) < 24, panel["title"]
        assert not taken & cells, panel["title"]
        taken |= cells


def test_every_metric_of_ours_is_looked_at_by_dashboard_or_alerts():
    asked = " ".join(expression for _where, expression in EXPRESSIONS)
    ours = {each.name for each in vars(metrics).values() if isinstance(each, metrics.Metric)}
    # For whoever looks closer: where the ledger stands, and how many money moved.
    for_others = {
        "bankportal_ledger_next_offset",
        "bankportal_ledger_transactions_total",
        "bankportal_relay_is_publishing",
    }

    assert {name for name in ours if name not in asked} == for_others
