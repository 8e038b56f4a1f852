"""Finding what is on a bus: who answers, which model it is, and what an installer does when nothing answers."""
