"""Power cuts on a real file system: every write and flush of a disk is recorded, and torn and reordered in replay."""
