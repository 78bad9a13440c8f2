"""`prometheus_scrape`: whose metrics are to be scraped, and by what labels they are told apart.

https://github.com/canonical/charmlibs/tree/main/interfaces/prometheus_scrape. Provider, application:
`scrape_jobs`, `scrape_metadata`, `alert_rules`; unit: its address, name and host.
"""

from __future__ import annotations

from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, Target, as_json, bracketed
from rolecall.core.tree import Tree


def bags(facts: Facts) -> Bags:
    """Build one job for each worker and each nginx exporter, in the order of their names."""
    targets = sorted(set(facts.workers + facts.exporters))
    app = {
        "alert_rules": as_json({"groups": [], **facts.alert_rules}),
        "scrape_jobs": as_json([_job(facts, target) for target in targets]),
        "scrape_metadata": as_json(facts.topology()),
    }
    unit = {
        "prometheus_scrape_unit_address": facts.address,
        "prometheus_scrape_unit_fqdn": facts.host,
        "prometheus_scrape_unit_name": facts.unit,
    }
    return Bags(app=app, unit=unit)


def _job(facts: Facts, target: Target) -> Tree:
    """Build the job of one process.

    Prometheus' charm labels every target with this application's topology. A worker is of another
    application, so its own names are set by relabelling, which comes after the labels.
    """
    labels = {
        "juju_application": target.app,
        "juju_charm": target.charm or facts.charm,
        "juju_model": facts.model,
        "juju_model_uuid": facts.model_uuid,
        "juju_unit": target.unit,
    }
    return {
        "job_name": f"{target.unit.replace('/', '-')}-{target.port}",
        "metrics_path": "/metrics",
        "scheme": "https" if target.tls else "http",
        "static_configs": [{"targets": [f"{bracketed(target.address)}:{target.port}"]}],
        "relabel_configs": [
            {"target_label": name, "replacement": value} for name, value in sorted(labels.items())
        ],
    }
