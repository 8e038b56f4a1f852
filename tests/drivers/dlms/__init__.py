"""DLMS push: frames, segments, encryption, values, lists."""
