"""What stands behind ``lakemill collect`` and ``lakemill publish``: which sources, which broker, which connections."""

import pytest
from mqtt_for_tests import make_plant
from workflows_for_tests import make_workflow

from lakemill.cli.collecting import choose_sources, resolve_broker
from lakemill.cli.connections import EnvironmentConnections
from lakemill.collection import Credentials
from lakemill.exceptions import CollectionError, ConfigError


def test_the_sources_of_kind_mqtt_are_chosen_all_or_by_name():
    plant = make_plant("embedded")
    assert list(choose_sources(plant, None)) == list(choose_sources(plant, "meters")) == ["meters"]
    with pytest.raises(ConfigError, match="did you mean 'meters'"):
        choose_sources(plant, "meter")


def test_a_workflow_without_such_sources_is_told():
    with pytest.raises(ConfigError, match="no source of kind mqtt"):
        choose_sources(make_workflow(), None)


def test_the_embedded_broker_is_the_one_that_is_given():
    own = make_plant("mqtt://plant:1883").collect["meters"]
    embedded = make_plant("embedded").collect["meters"]
    assert resolve_broker(own, "mqtt://127.0.0.1:9", where="x") == "mqtt://plant:1883"
    assert resolve_broker(embedded, "mqtt://127.0.0.1:9", where="x") == "mqtt://127.0.0.1:9"
    with pytest.raises(CollectionError, match="LAKEMILL_BROKER"):
        resolve_broker(embedded, None, where="x")


@pytest.mark.parametrize(
    "said",
    [
        "mqtt://me:p%40ss@plant:1884/?tls=yes",
        '{"conn_type": "", "host": "plant", "login": "me", "password": "p@ss", "port": 1884, "extra": {"tls": "yes"}}',
        '{"host": "plant", "login": "me", "password": "p@ss", "port": "1884", "extra": "{\\"tls\\": \\"yes\\"}"}',
    ],
)
def test_connections_are_read_from_the_environment_as_airflow_does(said):
    found = EnvironmentConnections({"AIRFLOW_CONN_PLANT": said}).credentials("plant")
    assert found == Credentials(host="plant", login="me", password="p@ss", port=1884, extra={"tls": "yes"})


@pytest.mark.parametrize("said", ["{", "mqtt://plant:port"])
def test_a_connection_that_cannot_be_read_is_told(said):
    with pytest.raises(CollectionError, match=r"AIRFLOW_CONN_PLANT: the connection 'plant' cannot be read"):
        EnvironmentConnections({"AIRFLOW_CONN_PLANT": said}).credentials("plant")


def test_a_connection_that_is_not_there_is_told_with_where_to_set_it():
    with pytest.raises(CollectionError, match="set that to scheme"):
        EnvironmentConnections({}).credentials("plant")
