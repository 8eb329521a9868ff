"""The program for other programs: tools with typed results, served by the Model Context Protocol (MCP)."""
