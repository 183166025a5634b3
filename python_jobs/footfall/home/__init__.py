"""A home: a warehouse, its metastore, and the path under which its tables are registered."""
