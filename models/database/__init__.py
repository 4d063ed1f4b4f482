"""Connections to the database, and statements without SQLAlchemy's overhead.

Owns: the engine, its pool, timeouts, the circuit breaker, compiled statements, and the database's clock. Must
not know: tables. Start reading at `engine.py`.
"""
