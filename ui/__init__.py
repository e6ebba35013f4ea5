"""The faces of xcluster: the command line."""
