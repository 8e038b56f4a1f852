"""Types, vocabulary, protocols and errors that everything else stands on."""
