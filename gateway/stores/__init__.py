"""Where readouts rest: SQLite, InfluxDB and VictoriaMetrics."""
