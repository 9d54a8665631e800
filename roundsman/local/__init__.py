"""Everything on one machine: real servers and our own processes as children of one process."""
