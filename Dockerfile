# One image for every Lakemill process: Airflow's five, the set-up task and the MLflow server.
#
# It starts from plain Python and not from apache/airflow: requirements.txt already pins Airflow together with all the
# rest, as it was tested. On top of apache/airflow, with the packages that it brings, the image could drift from that.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/lakemill/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/lakemill/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=false \
    LAKEMILL_PROJECT=/opt/lakemill

# The folders that volumes are mounted on: a new named volume takes its owner from the image.
RUN useradd --uid 10001 --create-home lakemill \
    && install --directory --owner=lakemill --group=lakemill \
        /opt/airflow /opt/airflow/logs /opt/airflow/auth /opt/lakemill

WORKDIR /opt/lakemill

# The slow layer, by itself: only another requirements.txt builds it again, a change of the code doesn't.
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install --requirement requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY plugins plugins
# Editable, for Airflow's plugins folder is on the path too: a second copy of the package could shadow it.
RUN --mount=type=cache,target=/root/.cache/pip pip install --no-deps --editable .

COPY include include
COPY dags dags

# By number, so that a host or cluster can see that it isn't root.
USER 10001
# Which process it is, the command says; by itself the image says what it can do.
CMD ["lakemill", "--help"]
