import subprocess
import sys
import zoneinfo
from pathlib import Path

import certifi
import pytest
from django.core.exceptions import ImproperlyConfigured

from bankportal import setting_rules
from bankportal.setting_rules import (
    certificates,
    known_currency,
    known_time_zone,
    networks,
    one_of,
    postgresql_database,
    refuse_copies_without_brokers,
    refuse_half_a_sign_in,
    refuse_unsafe_production,
    refuse_unsaid_lines,
    roles,
    server_list,
    topic_name,
    whole_number,
    yes_or_no,
)
from tests.site.conftest import ROOT, clean_environment

GOOD_KEY = "pN7xq2vLzR8mWc4tYh6dKs9fGb3jXa5eUo1iQwErTyUiOpAsDf"


@pytest.mark.parametrize("text", ["abc", "", "0", "-1", "65536", "8000.0", "٨٠٠٠", "9" * 40])
def test_a_number_out_of_bounds_is_refused_by_name_and_remedy(text):
    with pytest.raises(ImproperlyConfigured, match=r"^PORT is .* from 1 to 65535\.$"):
        whole_number("PORT", text, least=1, most=65_535)


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (lambda: known_time_zone("Mars/Olympus"), "TIME_ZONE"),
        (lambda: known_time_zone("../etc/passwd"), "TIME_ZONE"),
        (lambda: known_time_zone(""), "TIME_ZONE"),
        (lambda: known_time_zone("Europe"), "TIME_ZONE"),
        (lambda: yes_or_no("DEBUG", "maybe"), "DEBUG"),
        (lambda: certificates("KAFKA_SSL_CA_LOCATION", "/nowhere"), "KAFKA_SSL_CA_LOCATION"),
        (lambda: certificates("KAFKA_SSL_CA_LOCATION", "/"), "KAFKA_SSL_CA_LOCATION"),
        (lambda: certificates("KAFKA_SSL_CA_LOCATION", __file__), "KAFKA_SSL_CA_LOCATION"),
        (lambda: networks("TRUSTED_PROXIES", "proxy.example.org"), "TRUSTED_PROXIES"),
        (lambda: networks("TRUSTED_PROXIES", "10.0.0.1/8"), "TRUSTED_PROXIES"),
        (lambda: refuse_copies_without_brokers(3, servers=""), "KAFKA_REPLICATION"),
        (lambda: roles("SECOND_FACTOR_ROLES", "supervisor,boss"), "SECOND_FACTOR_ROLES"),
        (lambda: known_currency("EURO"), "CURRENCY"),
        (lambda: known_currency("XXX"), "CURRENCY"),
        (lambda: known_currency("JPY"), "CURRENCY"),
        (lambda: one_of("LANGUAGE_CODE", "de", ["fr", "en"]), "LANGUAGE_CODE"),
        (lambda: topic_name("KAFKA_TOPIC", "a/b"), "KAFKA_TOPIC"),
        (lambda: topic_name("KAFKA_TOPIC", ".."), "KAFKA_TOPIC"),
        (lambda: topic_name("KAFKA_DEAD_LETTER_TOPIC", "a", but_not="a"), "KAFKA_DEAD_LETTER"),
        (lambda: server_list("KAFKA_BOOTSTRAP_SERVERS", "http://kafka"), "KAFKA_BOOTSTRAP_SERV"),
        (lambda: server_list("KAFKA_BOOTSTRAP_SERVERS", "kafka:0"), "KAFKA_BOOTSTRAP_SERV"),
        (lambda: server_list("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092,,"), "KAFKA_BOOTSTRAP_SERV"),
        (lambda: postgresql_database("mysql://bank@localhost/bank"), "DATABASE_URL"),
        (lambda: postgresql_database("sqlite:///bank.sqlite3"), "DATABASE_URL"),
        (lambda: postgresql_database("postgres://localhost"), "DATABASE_URL"),
        (lambda: postgresql_database("postgres://localhost:port/bank"), "DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(check, name):
    with pytest.raises(ImproperlyConfigured, match=f"^{name}"):
        check()


@pytest.mark.parametrize(
    ("texts", "meaning"),
    [(["1", "on", "On", "TRUE", " yes "], True), (["", " ", "0", "off", "False", "no"], False)],
)
def test_a_yes_and_a_no_are_read_as_people_write_them(texts, meaning):
    assert {yes_or_no("DEBUG", text) for text in texts} == {meaning}


def test_a_file_of_certificates_is_taken_by_its_full_path(monkeypatch):
    bundle = Path(certifi.where()).resolve()
    monkeypatch.chdir(bundle.parent)

    assert certificates("KAFKA_SSL_CA_LOCATION", bundle.name) == str(bundle)
    assert certificates("KAFKA_SSL_CA_LOCATION", "") == ""


def test_copies_are_for_a_kafka_from_elsewhere():
    refuse_copies_without_brokers(3, servers="kafka:9092")
    refuse_copies_without_brokers(1, servers="")


def test_a_time_zone_that_the_system_lacks_is_refused_as_django_would(monkeypatch, tmp_path):
    zoneinfo.ZoneInfo("Europe/Paris")
    monkeypatch.setattr(setting_rules, "SYSTEM_ZONES", tmp_path)

    with pytest.raises(ImproperlyConfigured, match=r"^TIME_ZONE"):
        known_time_zone("Europe/Paris")


def test_the_password_of_a_wrong_database_url_is_not_shown():
    with pytest.raises(ImproperlyConfigured) as refused:
        postgresql_database("mysql://bank:hunter2@localhost/bank")

    assert "hunter2" not in str(refused.value)


def test_addresses_of_kafka_are_taken_with_or_without_a_port_and_with_spaces():
    assert server_list("KAFKA", " kafka1:9092, kafka2 ,[::1]:9092") == (
        "kafka1:9092,kafka2,[::1]:9092"
    )
    assert server_list("KAFKA", "  ") == ""


def test_signing_in_to_kafka_takes_a_name_a_password_and_a_mechanism():
    with pytest.raises(ImproperlyConfigured, match="KAFKA_SASL_PASSWORD must be set"):
        refuse_half_a_sign_in("SASL_SSL", mechanism="PLAIN", username="bank", password="")


@pytest.mark.parametrize(
    ("hosts", "key", "origins", "reason"),
    [
        (["bank.example"], "", [], "SECRET_KEY is not set"),
        (["bank.example"], "short", [], "SECRET_KEY is too short or a placeholder"),
        (["bank.example"], "a" * 60, [], "SECRET_KEY is too short or a placeholder"),
        (["bank.example"], f"django-insecure-{GOOD_KEY}", [], "SECRET_KEY is too short or a pl"),
        (["*"], GOOD_KEY, [], "ALLOWED_HOSTS"),
        (["bank.example"], GOOD_KEY, ["http://bank.example"], "CSRF_TRUSTED_ORIGINS"),
    ],
)
def test_serving_others_unsafely_is_refused_with_the_reason(hosts, key, origins, reason):
    with pytest.raises(ImproperlyConfigured, match=reason):
        refuse_unsafe_production(hosts, key, origins)


def test_serving_others_with_a_key_and_https_is_allowed():
    refuse_unsafe_production(["bank.example"], GOOD_KEY, ["https://bank.example"])


@pytest.mark.parametrize(
    ("url", "servers", "reason"),
    [
        ("postgres://bank@db.example/bank", "", "sslmode=verify-full"),
        ("postgres:///bank?host=db.example", "", "leads to db.example and"),
        ("postgres:///bank?hostaddr=203.0.113.5", "", "leads to 203.0.113.5 and"),
        ("postgres://bank@127.0.0.1:5432,db.example:5432/bank", "", "leads to db.example and"),
        ("postgres://bank@/bank", "kafka.example:9092", "KAFKA_SECURITY_PROTOCOL is not set"),
        ("postgres://bank@/bank", "localhost:9092,kafka.example", "KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_data_crosses_no_network_before_somebody_said_how(url, servers, reason):
    with pytest.raises(ImproperlyConfigured, match=reason):
        refuse_unsaid_lines(postgresql_database(url), servers, is_kafka_protocol_said=False)


@pytest.mark.parametrize(
    ("url", "servers", "is_said"),
    [
        ("postgres://bank@db.example/bank?sslmode=verify-full", "", False),
        ("postgres://bank@localhost/bank", "127.0.0.1:9092,[::1]:9093", False),
        ("postgres:///bank?host=/var/run/postgresql", "", False),
        ("postgres://bank@db.example/bank?hostaddr=203.0.113.5&sslmode=disable", "", False),
        ("postgres://bank@/bank", "kafka.example:9092", True),
    ],
)
def test_what_stays_here_or_was_said_is_allowed(url, servers, is_said):
    refuse_unsaid_lines(postgresql_database(url), servers, is_kafka_protocol_said=is_said)


@pytest.mark.parametrize(
    "password", ["$ecret and long enough", r"back\$lash", "plain $ inside", "$"]
)
def test_a_password_with_a_dollar_sign_stays_as_it_is(password):
    done = subprocess.run(
        [sys.executable, "-c", "from bankportal.settings import DEMO_PASSWORD as p; print(p)"],
        cwd=ROOT,
        env=clean_environment() | {"DEMO_PASSWORD": password},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{password}\n"


@pytest.mark.parametrize(("query", "seconds"), [("", 10), ("?connect_timeout=3", 3)])
def test_a_postgresql_that_does_not_answer_is_not_waited_for_without_end(query, seconds):
    database = postgresql_database(f"postgres://bank@db.example/bank{query}")

    assert int(database["OPTIONS"]["connect_timeout"]) == seconds
    # In milliseconds; then one that falls silent later.
    assert database["OPTIONS"]["tcp_user_timeout"] == 10_000
    assert database["OPTIONS"]["keepalives_idle"] == 10


@pytest.mark.parametrize(
    ("query", "which"), [("", "read-write"), ("?target_session_attrs=any", "any")]
)
def test_a_postgresql_that_takes_no_writes_is_passed_over_unless_told(query, which):
    database = postgresql_database(f"postgres://bank@db1.example:5432,db2.example:5433/bank{query}")

    assert (database["HOST"], database["PORT"]) == ("db1.example,db2.example", "5432,5433")
    assert database["OPTIONS"]["target_session_attrs"] == which


OWN = "-c synchronous_commit=on -c lock_timeout=10s -c timezone=UTC"


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", OWN),
        ("?options=-c%20lock_timeout%3D30s", f"{OWN} -c lock_timeout=30s"),
        (
            "?options=-c%20synchronous_commit%3Dremote_apply",
            f"{OWN} -c synchronous_commit=remote_apply",
        ),
    ],
)
def test_a_session_begins_as_we_have_it_unless_the_address_says_otherwise(query, options):
    database = postgresql_database(f"postgres://bank@db.example/bank{query}")

    assert database["OPTIONS"]["options"] == options


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, []),
        ({"ALLOWED_HOSTS": "127.0.0.1"}, []),
        (
            {"ALLOWED_HOSTS": "localhost,bank.example", "SECRET_KEY": GOOD_KEY},
            ["administrator", "auditor", "operator", "supervisor"],
        ),
        ({"SECOND_FACTOR_ROLES": "teller, auditor"}, ["auditor", "teller"]),
        (
            {
                "ALLOWED_HOSTS": "bank.example",
                "SECRET_KEY": GOOD_KEY,
                "SECOND_FACTOR_ROLES": "none",
            },
            [],
        ),
    ],
)
def test_beyond_this_machine_all_but_tellers_need_a_second_factor(tmp_path, changes, named):
    ask = "from bankportal import settings; print(sorted(settings.SECOND_FACTOR_ROLES))"

    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=ROOT,
        env=clean_environment() | {"DATA_DIR": str(tmp_path)} | changes,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == str(named)
