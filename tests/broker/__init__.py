"""Topic filters, the broker in this process, and what the MQTT client makes of its settings and errors."""
