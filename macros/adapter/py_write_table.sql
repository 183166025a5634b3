{% macro py_write_table(compiled_code, target_relation) %}
{{ compiled_code }}
# --- How dbt writes the model's DataFrame. --- #
dbt = dbtObj(spark.table)
df = model(dbt, spark)
if not hasattr(df, "sparkSession"):
    df = df.to_spark() if hasattr(df, "to_spark") else spark.createDataFrame(df)
{%- if target_relation.identifier.endswith('__dbt_tmp') %}
df.createOrReplaceTempView("{{ target_relation.identifier }}")
{%- else %}
(
    df.write.mode("overwrite")
    .format("{{ config.get('file_format', 'delta') }}")
    .option("overwriteSchema", "true")
    {%- for name, value in config.get('tblproperties', {}).items() %}
    .option("{{ name }}", "{{ value }}")
    {%- endfor %}
    {%- set partition_by = config.get('partition_by', []) %}
    .partitionBy(*{{ [partition_by] if partition_by is string else partition_by | list }})
    .saveAsTable("{{ target_relation }}")
)
{%- endif %}
{%- endmacro %}
