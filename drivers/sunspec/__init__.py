"""SunSpec: models found by their chain and read over Modbus."""
