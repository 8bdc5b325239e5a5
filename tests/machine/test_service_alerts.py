# SPDX-License-Identifier: Apache-2.0
"""The sample of packaging/examples/alerts, set up as docs/detections.md says."""

import json
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tests.integration.requirements import CHECKOUT
from tests.machine.conftest import installed
from tests.machine.service import Service, wait_until
from tests.machine.storms import wait_for_journal

ALERTS, TIMER = "execaudit-alerts.service", "execaudit-alerts.timer"
EXAMPLES = CHECKOUT / "packaging/examples/alerts"
RULES = """
[[rule]]
name = "look for this"
action = "label"
labels = ["detection"]
technique = ["T1059"]
severity = "err"
exe = "/usr/bin/true"
argv = "alert-*"

[[rule]]
name = "not worth a message"
action = "label"
severity = "warning"
exe = "/usr/bin/true"
argv = "warn-*"
"""
RECEIVER = CHECKOUT / "tests/machine/receive_alerts.py"
HTTP_PORT, SMTP_PORT = 8080, 25


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    for service in installed(request, "bookworm"):
        service.configure(rules=RULES)
        service.start()
        script = "execaudit-alerts"
        service.container.copy(EXAMPLES / script, f"/usr/local/lib/{script}", mode=0o755)
        for unit in (ALERTS, TIMER):
            service.container.copy(EXAMPLES / unit, f"/etc/systemd/system/{unit}")
        service.container.copy(RECEIVER, "/root/receive.py")
        yield service


def configure(service: Service, *lines: str) -> None:
    text = "\n".join(("[Service]", *(f"Environment={line}" for line in lines), ""))
    service.container.write(f"/etc/systemd/system/{ALERTS}.d/override.conf", text)
    service.run("systemctl", "daemon-reload")


def receive(service: Service, protocol: str, port: int) -> Path:
    """Start a receiver in the container; returns the file of what it got."""
    received = f"/root/{protocol}"
    unit = f"--unit=receive-{protocol}"
    command = ["/usr/bin/python3", "/root/receive.py", protocol, str(port), received]
    service.run("systemd-run", "--quiet", "--property=Type=notify", unit, *command)
    return service.container.path(received)


def errors(service: Service) -> list[str]:
    """What the alerts' service said of trouble; all that it said is waited for."""
    said = service.container.journal("--unit", ALERTS, "-p", "err")
    return [entry["MESSAGE"] for entry in said]


def execute(service: Service, *words: str) -> None:
    for word in words:
        service.run("/bin/true", word)

    def is_recorded() -> bool:
        found = service.records(json.dumps(words[-1]))
        return any(record["comm"] == "true" for record in found)  # not what enters the container

    wait_until(is_recorded, "the record")
    wait_for_journal(service)
    service.run("journalctl", "--sync")  # the script reads files, and does not wait for journald


def test_alerts_that_nobody_takes_are_sent_later_and_each_once(service: Service) -> None:
    configure(service, f"ALERT_URL=http://127.0.0.1:{HTTP_PORT}/hook")
    execute(service, "warn-0", "alert-1", "alert-2")
    failed = service.run("systemctl", "start", ALERTS, check=False)
    said = errors(service)
    received = receive(service, "http", HTTP_PORT)

    execute(service, "alert-3")
    service.run("systemctl", "start", ALERTS)
    service.run("systemctl", "start", ALERTS)
    execute(service, "alert-4")
    service.run("systemctl", "start", ALERTS)

    assert failed.returncode == 1
    assert any("Failed to send alerts: " in text and "Connection refused" in text for text in said)
    first, second = (json.loads(line) for line in received.read_text().splitlines())
    words = [record["argv"][1] for record in first["alerts"]]
    assert words == ["alert-1", "alert-2", "alert-3"]
    assert first["left_out"] == 0
    assert first["alerts"][0]["rule"] == ["look for this"]
    assert [record["argv"][1] for record in second["alerts"]] == ["alert-4"]


def test_mail_names_rule_technique_and_command(service: Service) -> None:
    configure(service, "ALERT_MAIL=root@localhost")
    received = receive(service, "smtp", SMTP_PORT)

    execute(service, "alert-\033[31m")
    service.run("systemctl", "start", ALERTS)

    mail = message_from_bytes(received.read_bytes(), policy=policy.default)
    assert mail["To"] == "root@localhost"
    assert mail["Subject"] == "execaudit: 1 alerts"
    text = mail.get_content()
    assert "err: look for this [T1059] uid 0: /bin/true alert-?[31m" in text


def test_timer_starts_what_says_that_nothing_is_configured(service: Service) -> None:
    configure(service)
    service.run("systemctl", "start", TIMER)

    status = ("systemctl", "show", "--value", "--property=ExecMainStatus", ALERTS)
    wait_until(lambda: service.output(*status) == "6", "the end of the service")

    assert any("set ALERT_URL or ALERT_MAIL" in text for text in errors(service))
