"""What Python knows of the dbt project: contracts, tables, and how to run dbt."""
