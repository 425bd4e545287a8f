"""The whole job on an invented day, against a stand-in for arXiv on this machine."""
