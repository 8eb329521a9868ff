"""`python -m simulator.config` writes `chip_configs/schema.json`."""

from simulator.config.schema import write_chip_schema

if __name__ == "__main__":
    print(write_chip_schema())
