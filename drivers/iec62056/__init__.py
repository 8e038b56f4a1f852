"""Meters that speak in data lines: P1 of DSMR and its cousins, and IEC 62056-21 (D0)."""
