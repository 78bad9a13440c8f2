"""The local host: real processes on one machine, supervised by Pebble, each with a loopback address."""
