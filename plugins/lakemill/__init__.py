"""Lakemill: machine-learning workflows on Apache Airflow, one YAML file a problem.

A map of the rooms, from the top down; a room imports only from those below it:

========================  ==============================================================
``cli``, ``orchestration``  the ``lakemill`` command; the only room that knows Airflow
``monitoring``            profiles, drift, performance, the decision what follows
``scoring``               predictions by partition
``registry``              the only room that knows MLflow; the ledger of champions
``evaluation``            metrics, comparison, the gate
``training``              estimators, tuning, fitting
``labels``                how far the ground truth can be trusted
``preprocessing``         cleaning, splits, feature transformers
``validation``            the only room that knows Great Expectations
``collection``            sources into ``raw_`` tables, and from these the one table
``lake``                  the only room that knows storage
``config``                the workflow file and the settings
``exceptions``            what can go wrong, in words
========================  ==============================================================

This module imports nothing, so that ``import lakemill`` costs nothing.
"""

__version__ = "0.1.0"
