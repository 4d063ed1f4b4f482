"""Connections to the database, and statements without SQLAlchemy's overhead.

Owns: the engine, its pool, time limits, the breaker, prepared statements, and the database's clock. Must
not know: tables. Start reading at `engine.py`.
"""
