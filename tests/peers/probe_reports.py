"""Reads a report of `pillarbox probe` from standard input by somebody else's parser.

    probe_reports.py junit|sarif|prometheus < report

Prints one JSON object: how many findings of each verdict the parser sees, and the ids of those
that are no pass. Anything that the parser does not take ends in a traceback.
"""
import json
import sys

kind = sys.argv[1]
text = sys.stdin.read()
counts = {"pass": 0, "warn": 0, "fail": 0, "unknown": 0}
ids = []

if kind == "junit":
    import junitparser

    suites = junitparser.JUnitXml.fromstring(text.encode())
    for suite in suites:
        assert suite.tests == len(list(suite)), suite.name
        for case in suite:
            verdict = case.result[0].type if case.result else "pass"
            counts[verdict] += 1
            if case.result:
                assert case.result[0].message, case.name
                ids.append(case.name.split()[0])
    assert suites.failures == counts["fail"] + counts["warn"]
    assert suites.errors == counts["unknown"]
elif kind == "sarif":
    import pysarif

    log = pysarif.load_from_dict(json.loads(text))
    (run,) = log.runs
    rules = [rule.id for rule in run.tool.driver.rules]
    for result in run.results:
        assert rules[result.rule_index] == result.rule_id
        assert result.locations[0].physical_location.artifact_location.uri
        name = lambda it: getattr(it, "value", it)
        verdict = {
            ("pass", "none"): "pass",
            ("open", "none"): "unknown",
            ("fail", "warning"): "warn",
            ("fail", "error"): "fail",
        }[(name(result.kind), name(result.level))]
        counts[verdict] += 1
        if verdict != "pass":
            ids.append(result.rule_id)
elif kind == "prometheus":
    from prometheus_client.parser import text_string_to_metric_families

    words = ["pass", "warn", "fail", "unknown"]
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge" and family.documentation, family.name
        for sample in family.samples:
            if sample.name == "pillarbox_probe_finding":
                verdict = words[int(sample.value)]
                counts[verdict] += 1
                if verdict != "pass":
                    ids.append(sample.labels["id"])
print(json.dumps({"counts": counts, "ids": sorted(ids)}))
