"""Juju on Kubernetes: the host that carries decisions out as charms."""
