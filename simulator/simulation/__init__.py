"""The use case: map a trace on a chip, simulate, price, and write the report that a request asks for."""
