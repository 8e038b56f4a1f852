"""The MQTT client, and a broker client without a broker."""
