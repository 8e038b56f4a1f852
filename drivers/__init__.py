"""Field protocols and the device profiles they read by."""
