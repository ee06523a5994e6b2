"""History run again in branches of the lake, under other policies: what each would have cost and reached.

The steps are those of the DAGs, called in the order of partitions. Stays out: Airflow, and everything that is live: the
lake is read, its models and aliases are not touched.
"""
