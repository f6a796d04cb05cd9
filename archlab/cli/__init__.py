"""The commands, a file each, which import what is heavy inside the functions that need it."""
