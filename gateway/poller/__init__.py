"""One task per link: what is due, in which order, and what a failed read means."""
