"""Connections as Airflow itself finds them, in its environment."""

import json
import sqlite3
from pathlib import Path

import pytest

from lakemill.exceptions import CollectionError
from lakemill.orchestration.connections import AirflowConnections


def test_a_connection_says_login_password_and_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"conn_type": "http", "host": "data.example", "login": "me", "password": "secret-1", "extra": {"token": "t"}}
    monkeypatch.setenv("AIRFLOW_CONN_WEB", json.dumps(said))

    found = AirflowConnections().credentials("web")

    assert (found.host, found.login, found.password, found.extra) == ("data.example", "me", "secret-1", {"token": "t"})


@pytest.mark.parametrize("said", [None, '{"conn_type": "http", "login":'])
def test_no_connection_or_an_unreadable_one_is_told_with_what_to_set(
    said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv("AIRFLOW_CONN_WEB", said)
    with pytest.raises(CollectionError, match="no connection 'web'") as found:
        AirflowConnections().credentials("web")
    assert "AIRFLOW_CONN_WEB" in found.value.remedy
    with pytest.raises(CollectionError, match="no connection 'web'"):
        AirflowConnections().engine("web")


def test_sqlite_needs_no_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.db"
    sqlite3.connect(path).close()
    for said in (f"sqlite:///{path}", json.dumps({"conn_type": "sqlite", "host": str(path)})):
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", said)
        assert AirflowConnections().engine("shop").url.database == str(path)


def test_a_database_without_a_provider_is_named_by_its_sqlalchemy_dialect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"conn_type": "generic", "schema": str(tmp_path / "x.db"), "extra": {"sqlalchemy_scheme": "sqlite"}}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(said))
    assert AirflowConnections().engine("shop").dialect.name == "sqlite"


def test_postgres_goes_by_its_hook_and_keeps_options_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PG", "postgres://me:secret-2@127.0.0.1:1/shop?sslmode=perhaps")

    engine = AirflowConnections().engine("pg")

    assert (engine.dialect.name, engine.url.database) == ("postgresql", "shop")
    with pytest.raises(Exception, match="sslmode") as refused, engine.connect():
        pass
    assert "secret-2" not in str(refused.value)


@pytest.mark.parametrize("conn_type", ["http", "generic"])
def test_what_is_no_database_gives_no_engine_and_tells_no_password(
    conn_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WEB", json.dumps({"conn_type": conn_type, "host": "x", "password": "secret-3"}))
    with pytest.raises(CollectionError, match="gives no SQL database") as found:
        AirflowConnections().engine("web")
    assert "secret-3" not in str(found.value)
