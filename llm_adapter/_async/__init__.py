"""The shell: everything that waits. The sync form of it is generated."""
