"""A local stand-in for Juju on Kubernetes, which runs real charms against real workloads."""
