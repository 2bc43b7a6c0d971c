"""Health, readiness, liveness, metrics."""

import os
import re

import pytest

from harness import HEALTH, SERVICES, data, eventually


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_tells_that_its_stores_are_up(anyone, service):
    got = data(anyone.get(HEALTH[service]))
    assert got["status"] == "healthy" and got["service"] == service
    assert got["checks"]["database"] == "up"
    assert ("mirror" in got["checks"]) == (service == "carts")


@pytest.mark.parametrize("prefix", ["", "/auth", "/users", "/products", "/cart", "/paniers", "/orders", "/payments", "/bank"])
def test_every_prefix_is_alive_and_ready(anyone, prefix):
    assert data(anyone.get(prefix + "/livez"))["status"] == "alive"
    ready = eventually(lambda: data(anyone.get(prefix + "/readyz")))  # of the whole site within 300 ms
    assert ready["status"] in ("ready", "healthy")


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_does_not_interrupt_who_wakes_it(instance, service):
    assert {os.sched_getscheduler(pid) for pid in instance.workers(service)} == {os.SCHED_BATCH}


def test_the_whole_site_is_healthy(anyone):
    got = eventually(lambda: data(anyone.get("/health")))
    assert got["status"] == "healthy" and got["services"] == dict.fromkeys(SERVICES, "up")


def test_health_is_never_kept_by_a_cache(anyone):
    for path in ("/health", "/readyz", "/livez", *HEALTH.values()):
        assert "no-store" in anyone.get(path).headers["Cache-Control"], path


def test_metrics_are_text_for_prometheus_with_every_service(anyone):
    answer = anyone.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in answer.text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) .*|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? \S+', line), line
    for service in SERVICES:
        assert f'halle_requests_total{{service="{service}",class="2xx"}}' in answer.text


def test_requests_are_counted(anyone, instance):
    before = instance.metric("halle_requests_total", "users", 'class="4xx"')
    for _ in range(5):
        anyone.get("/users/profile")
    assert instance.metric("halle_requests_total", "users", 'class="4xx"') >= before + 5
