"""The only room that knows Airflow: task functions, assets, waiting, what a DAG file is made of.

Light at the top: a task imports what it calls inside its body, so that parsing a DAG file imports nothing heavy.
Stays out: everything that could be run without Airflow.
"""
