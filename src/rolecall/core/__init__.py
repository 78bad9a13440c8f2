"""Decide, purely: values in, values out.

Nothing here reads a file, a clock or a socket, starts a process or logs. Hosts observe the world,
call the two entrances (`coordinator.decide`, `worker.decide`) and apply what comes back.
"""
