"""What a change of a workflow does, before it does it: the plan, from files, the lake and a run on a sample.

Stays out: doing it. Nothing here writes to a lake that others read, nor talks to Airflow (``cli.deploy`` does).
"""
