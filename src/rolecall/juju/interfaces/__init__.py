"""The relations of Juju that carry the payloads of integrations: bags in, bags out, nothing decided."""
