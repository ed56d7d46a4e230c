"""dbt, which builds the reporting model in the warehouse: a program in an environment of its
own.
"""
