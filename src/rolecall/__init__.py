"""Deploy Loki, Mimir, Tempo and Pyroscope as coordinated multirole clusters."""
