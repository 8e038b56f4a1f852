"""Profiles, links, the Modbus codec, the read planner and the drivers."""
