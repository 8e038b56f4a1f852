"""Tests of the types, the vocabulary and the units that everything else stands on."""
